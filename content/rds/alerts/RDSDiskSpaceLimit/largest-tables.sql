-- The 30 largest tables of the current database, with indexes and TOAST; tables locked exclusively are left out, so nothing waits.
SELECT c.oid::regclass AS table_name,
       pg_size_pretty(pg_total_relation_size(c.oid)) AS total,
       pg_size_pretty(pg_indexes_size(c.oid)) AS indexes,
       s.n_live_tup AS live_rows,
       s.n_dead_tup AS dead_rows,
       s.last_autovacuum
FROM (
  SELECT t.oid
  FROM pg_catalog.pg_class t
  WHERE t.relkind IN ('r', 'm')
    AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_locks l
      WHERE (l.relation IN (t.oid, t.reltoastrelid)
             OR l.relation IN (SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid IN (t.oid, t.reltoastrelid)))
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
        AND l.mode = 'AccessExclusiveLock'
    )
  OFFSET 0
) c
LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
ORDER BY pg_total_relation_size(c.oid) DESC
LIMIT 30;
