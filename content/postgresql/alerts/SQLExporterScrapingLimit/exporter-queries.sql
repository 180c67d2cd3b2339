-- Statements of the monitoring user that run now, what they wait for, and who blocks them
SELECT
  pid,
  datname,
  application_name,
  date_trunc('milliseconds', clock_timestamp() - query_start) AS running_for,
  wait_event_type,
  wait_event,
  pg_blocking_pids(pid) AS blocked_by,
  left(query, 100) AS query
FROM pg_stat_activity
WHERE usename = current_user
  AND pid <> pg_backend_pid()
  AND state = 'active'
ORDER BY query_start;
