-- Sessions that read or write now, longest first, by what they wait for.
SELECT pid,
       usename,
       datname,
       application_name,
       backend_type,
       now() - query_start AS query_age,
       wait_event_type,
       wait_event,
       left(query, 150) AS query
FROM pg_catalog.pg_stat_activity
WHERE pid <> pg_backend_pid()
  AND state IS DISTINCT FROM 'idle'
  AND (wait_event_type = 'IO' OR wait_event IN ('WALWrite', 'WALSync', 'WALInsert', 'WALBufMapping', 'WalSync', 'BufferIO', 'BufferIo'))
ORDER BY query_start NULLS LAST
LIMIT 100;
