-- Large tables of the current database that are read from start to end: an index may be missing. On a replica, n_live_tup is 0 and the dates are empty.
SELECT schemaname,
       relname,
       seq_scan,
       seq_tup_read / nullif(seq_scan, 0) AS rows_per_scan,
       idx_scan,
       n_live_tup,
       last_analyze,
       last_autoanalyze
FROM pg_catalog.pg_stat_user_tables
WHERE seq_tup_read > 10000 * seq_scan
ORDER BY seq_tup_read DESC
LIMIT 15;
