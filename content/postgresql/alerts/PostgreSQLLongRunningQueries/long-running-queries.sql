-- Statements that have been running for more than a minute, longest first, with what they wait for
SELECT
  a.pid,
  a.usename,
  a.datname,
  a.application_name,
  a.client_addr,
  date_trunc('second', clock_timestamp() - a.query_start) AS running_for,
  date_trunc('second', clock_timestamp() - a.xact_start) AS transaction_open_for,
  a.wait_event_type,
  a.wait_event,
  pg_blocking_pids(a.pid) AS blocked_by,
  age(a.backend_xmin) AS held_back_transactions,
  left(a.query, 200) AS query
FROM pg_stat_activity AS a
WHERE a.backend_type = 'client backend'
  AND a.state = 'active'
  AND a.pid <> pg_backend_pid()
  AND a.query_start < clock_timestamp() - interval '1 minute'
ORDER BY a.query_start;
