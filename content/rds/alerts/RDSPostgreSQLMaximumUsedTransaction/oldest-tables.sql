-- Tables of the current database by age of their oldest transaction ID; run it in the oldest database.
SELECT c.oid::regclass AS table_name,
       c.relkind,
       greatest(age(c.relfrozenxid), age(t.relfrozenxid)) AS xid_age,
       pg_size_pretty(c.relpages * current_setting('block_size')::bigint) AS table_size,
       s.last_vacuum,
       s.last_autovacuum,
       c.reloptions
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'm')
ORDER BY xid_age DESC
LIMIT 20;
