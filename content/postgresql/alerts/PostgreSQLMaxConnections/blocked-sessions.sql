-- Sessions that wait for a lock, and the sessions that they wait for
SELECT
  a.pid AS waiting_pid,
  a.usename,
  a.datname,
  date_trunc('second', clock_timestamp() - a.state_change) AS in_state,
  pg_blocking_pids(a.pid) AS blocked_by,
  left(a.query, 80) AS query
FROM pg_stat_activity AS a
WHERE a.wait_event_type = 'Lock'
ORDER BY a.state_change;
