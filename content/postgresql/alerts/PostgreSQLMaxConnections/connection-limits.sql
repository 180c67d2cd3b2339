-- Connections in use and the limits: of the server, of each database and of each user that has one
SELECT
  'server' AS limit_of,
  '' AS name,
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
  (SELECT sum(CASE WHEN name = 'max_connections' THEN setting::int ELSE -setting::int END)
     FROM pg_settings
    WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')) AS usable
UNION ALL
SELECT
  'database',
  d.datname,
  (SELECT count(*) FROM pg_stat_activity AS a WHERE a.datid = d.oid AND a.backend_type = 'client backend'),
  d.datconnlimit
FROM pg_database AS d
WHERE d.datconnlimit >= 0
UNION ALL
SELECT
  'user',
  r.rolname,
  (SELECT count(*) FROM pg_stat_activity AS a WHERE a.usesysid = r.oid AND a.backend_type = 'client backend'),
  r.rolconnlimit
FROM pg_roles AS r
WHERE r.rolconnlimit >= 0
ORDER BY 1 DESC, 3 DESC;
