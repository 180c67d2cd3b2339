-- Large tables of the current database that are often read from start to end: an index may be missing.
SELECT schemaname,
       relname,
       seq_scan,
       seq_tup_read / nullif(seq_scan, 0) AS rows_per_scan,
       idx_scan,
       n_live_tup,
       last_analyze,
       last_autoanalyze
FROM pg_catalog.pg_stat_user_tables
WHERE seq_scan > 0
  AND n_live_tup > 10000
ORDER BY seq_tup_read DESC
LIMIT 15;
