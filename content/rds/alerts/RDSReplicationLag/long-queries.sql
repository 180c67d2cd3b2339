-- On the replica: the oldest queries; one of them may hold up replay.
SELECT pid,
       usename,
       application_name,
       state,
       now() - xact_start AS transaction_age,
       left(query, 150) AS query
FROM pg_catalog.pg_stat_activity
WHERE xact_start IS NOT NULL
  AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
ORDER BY xact_start
LIMIT 20;
