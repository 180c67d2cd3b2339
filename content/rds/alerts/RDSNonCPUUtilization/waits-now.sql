-- What active sessions wait for right now, most common first; run it several times.
SELECT coalesce(wait_event_type, 'CPU') AS wait_event_type,
       coalesce(wait_event, 'running') AS wait_event,
       count(*) AS sessions,
       max(now() - query_start) AS oldest,
       min(left(query, 100)) AS example
FROM pg_catalog.pg_stat_activity
WHERE state = 'active'
  AND backend_type IN ('client backend', 'parallel worker')
  AND pid <> pg_backend_pid()
GROUP BY 1, 2
ORDER BY sessions DESC;
