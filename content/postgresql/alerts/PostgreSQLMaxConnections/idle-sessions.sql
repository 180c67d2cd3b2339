-- Sessions that wait for their client, longest first
SELECT
  pid,
  usename,
  datname,
  application_name,
  client_addr,
  state,
  date_trunc('second', clock_timestamp() - state_change) AS in_state,
  left(query, 80) AS last_query
FROM pg_stat_activity
WHERE backend_type = 'client backend'
  AND state LIKE 'idle%'
ORDER BY state_change
LIMIT 50;
