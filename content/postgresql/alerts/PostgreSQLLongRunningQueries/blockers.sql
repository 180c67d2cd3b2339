-- Sessions that others wait for: what they do, and how many wait for them
WITH waiting AS (
  SELECT pid, unnest(pg_blocking_pids(pid)) AS blocker
  FROM pg_stat_activity
  WHERE wait_event_type = 'Lock'
)
SELECT
  b.pid,
  b.usename,
  b.datname,
  b.application_name,
  b.client_addr,
  b.state,
  date_trunc('second', clock_timestamp() - b.xact_start) AS transaction_open_for,
  count(DISTINCT w.pid) AS sessions_waiting,
  left(b.query, 200) AS last_query
FROM waiting AS w
JOIN pg_stat_activity AS b ON b.pid = w.blocker
GROUP BY b.pid, b.usename, b.datname, b.application_name, b.client_addr, b.state, b.xact_start, b.query
ORDER BY sessions_waiting DESC;
