-- Statements by total execution time since the last reset; needs the extension pg_stat_statements.
SELECT round((100 * total_exec_time / nullif(sum(total_exec_time) OVER (), 0))::numeric, 1) AS share_percent,
       calls,
       round(mean_exec_time::numeric, 2) AS mean_ms,
       rows,
       shared_blks_hit + shared_blks_read AS blocks,
       queryid,
       left(regexp_replace(query, '\s+', ' ', 'g'), 150) AS query
FROM pg_stat_statements
ORDER BY total_exec_time DESC
LIMIT 15;
