-- Connections that do nothing, longest idle first: their memory is what gets swapped out.
SELECT pid,
       usename,
       application_name,
       client_addr,
       state,
       now() - state_change AS idle_for,
       now() - backend_start AS connected_for
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend'
  AND state LIKE 'idle%'
ORDER BY state_change
LIMIT 50;
