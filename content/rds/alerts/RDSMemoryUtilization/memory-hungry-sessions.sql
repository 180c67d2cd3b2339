-- Active and idle-in-transaction sessions with parallel workers counted, longest query first.
SELECT a.pid,
       a.usename,
       a.application_name,
       a.state,
       now() - a.query_start AS query_age,
       count(w.pid) AS parallel_workers,
       left(a.query, 150) AS query
FROM pg_catalog.pg_stat_activity a
LEFT JOIN pg_catalog.pg_stat_activity w ON w.leader_pid = a.pid AND w.pid <> a.pid
WHERE a.backend_type = 'client backend'
  AND a.state <> 'idle'
  AND a.pid <> pg_backend_pid()
GROUP BY a.pid, a.usename, a.application_name, a.state, a.query_start, a.query
ORDER BY a.query_start
LIMIT 50;
