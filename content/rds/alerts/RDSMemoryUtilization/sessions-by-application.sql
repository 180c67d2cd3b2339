-- Connections by user and application: each one takes memory, also when it is idle.
SELECT usename,
       application_name,
       count(*) AS connections,
       count(*) FILTER (WHERE state = 'active') AS active,
       count(*) FILTER (WHERE state LIKE 'idle%') AS idle,
       max(now() - backend_start) AS oldest_connection
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend'
GROUP BY usename, application_name
ORDER BY connections DESC
LIMIT 50;
