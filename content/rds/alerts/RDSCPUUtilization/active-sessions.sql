-- Sessions that work right now, longest first; a NULL wait event means on CPU.
SELECT pid,
       usename,
       datname,
       application_name,
       state,
       now() - query_start AS query_age,
       wait_event_type,
       wait_event,
       left(query, 150) AS query
FROM pg_catalog.pg_stat_activity
WHERE state = 'active'
  AND backend_type IN ('client backend', 'parallel worker')
  AND pid <> pg_backend_pid()
ORDER BY query_start
LIMIT 100;
