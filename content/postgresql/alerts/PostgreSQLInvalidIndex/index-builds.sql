-- Index builds that run now, and what they wait for
SELECT
  p.pid,
  p.datname,
  p.command,
  p.relid::regclass AS table,
  p.phase,
  p.lockers_done || ' of ' || p.lockers_total AS lockers,
  p.current_locker_pid,
  CASE WHEN p.blocks_total > 0 THEN round(100.0 * p.blocks_done / p.blocks_total) END AS percent_of_phase,
  date_trunc('second', clock_timestamp() - a.query_start) AS running_for
FROM pg_stat_progress_create_index AS p
JOIN pg_stat_activity AS a ON a.pid = p.pid;
