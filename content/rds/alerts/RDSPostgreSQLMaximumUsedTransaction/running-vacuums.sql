-- Vacuums that run now, how far they are, and what they wait for.
SELECT a.pid,
       a.datname,
       a.backend_type,
       now() - a.xact_start AS running_for,
       v.phase,
       round(100.0 * v.heap_blks_scanned / nullif(v.heap_blks_total, 0), 1) AS scanned_percent,
       v.index_vacuum_count,
       a.wait_event_type,
       a.wait_event,
       pg_blocking_pids(a.pid) AS blocked_by,
       left(a.query, 120) AS query
FROM pg_catalog.pg_stat_activity a
LEFT JOIN pg_catalog.pg_stat_progress_vacuum v ON v.pid = a.pid
WHERE a.backend_type = 'autovacuum worker'
   OR v.pid IS NOT NULL
   OR (a.backend_type = 'client backend' AND a.state = 'active' AND a.query ~* '^\s*vacuum\y')
ORDER BY running_for DESC NULLS LAST;
