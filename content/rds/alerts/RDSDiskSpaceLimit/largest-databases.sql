-- Databases by size on disk; the size is empty for databases that you may not look into.
SELECT datname,
       CASE
         WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
         THEN pg_size_pretty(pg_database_size(oid))
       END AS size
FROM pg_catalog.pg_database
ORDER BY CASE
           WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
           THEN pg_database_size(oid)
         END DESC NULLS LAST
LIMIT 100;
