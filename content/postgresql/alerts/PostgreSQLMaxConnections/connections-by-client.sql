-- Who holds the connections: user, application, client and state, most connections first
SELECT
  usename,
  datname,
  application_name,
  client_addr,
  state,
  count(*) AS connections,
  max(date_trunc('second', clock_timestamp() - state_change)) AS longest_in_state,
  min(date_trunc('second', clock_timestamp() - backend_start)) AS newest
FROM pg_stat_activity
WHERE backend_type = 'client backend'
GROUP BY usename, datname, application_name, client_addr, state
ORDER BY connections DESC, usename, state;
