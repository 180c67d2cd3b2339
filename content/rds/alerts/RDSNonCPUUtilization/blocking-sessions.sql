-- Who blocks others without waiting for a lock itself, with all who queue behind; a prepared transaction has pid 0.
WITH RECURSIVE waits AS (
  SELECT w.pid, w.query_start, b.pid AS blocker
  FROM pg_catalog.pg_stat_activity w
  CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b (pid)
  WHERE w.wait_event_type = 'Lock'
),
queue (root, pid) AS (
  SELECT blocker, pid
  FROM waits
  WHERE blocker NOT IN (SELECT pid FROM waits)
  UNION
  SELECT q.root, w.pid
  FROM queue q
  JOIN waits w ON w.blocker = q.pid
)
SELECT q.root AS pid,
       a.usename,
       a.application_name,
       CASE WHEN q.root = 0 THEN 'prepared transaction' ELSE coalesce(a.state, a.backend_type) END AS state,
       now() - a.xact_start AS transaction_age,
       count(*) AS blocked_sessions,
       max(now() - w.query_start) AS longest_wait,
       left(a.query, 120) AS last_query
FROM queue q
JOIN (SELECT DISTINCT pid, query_start FROM waits) w ON w.pid = q.pid
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = q.root
GROUP BY q.root, a.usename, a.application_name, a.state, a.backend_type, a.xact_start, a.query
ORDER BY blocked_sessions DESC
LIMIT 30;
