-- Who blocks others without being blocked: sessions, and prepared transactions (pid 0, see pg_prepared_xacts).
SELECT b.pid,
       blocker.usename,
       blocker.application_name,
       coalesce(blocker.state, 'prepared transaction') AS state,
       now() - blocker.xact_start AS transaction_age,
       count(*) AS blocked_sessions,
       max(now() - waiter.query_start) AS longest_wait,
       left(blocker.query, 120) AS last_query
FROM pg_catalog.pg_stat_activity waiter
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiter.pid)) AS b (pid)
LEFT JOIN pg_catalog.pg_stat_activity blocker ON blocker.pid = b.pid
WHERE waiter.wait_event_type = 'Lock'
  AND cardinality(pg_blocking_pids(b.pid)) = 0
GROUP BY b.pid, blocker.usename, blocker.application_name, blocker.state, blocker.xact_start, blocker.query
ORDER BY blocked_sessions DESC;
