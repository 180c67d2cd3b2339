-- Tables of the current database by blocks read from outside shared buffers since the last statistics reset.
SELECT s.relid::regclass AS table_name,
       s.heap_blks_read + coalesce(s.idx_blks_read, 0) + coalesce(s.toast_blks_read, 0) AS blocks_read,
       round(100.0 * s.heap_blks_hit / nullif(s.heap_blks_hit + s.heap_blks_read, 0), 1) AS table_hit_percent,
       t.seq_scan,
       t.seq_tup_read,
       t.idx_scan
FROM pg_catalog.pg_statio_user_tables s
JOIN pg_catalog.pg_stat_user_tables t ON t.relid = s.relid
ORDER BY blocks_read DESC
LIMIT 20;
