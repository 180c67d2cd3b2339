-- Replication slots with their client, the WAL they hold back, and how much more they may hold back
SELECT
  s.slot_name,
  s.slot_type,
  s.database,
  s.wal_status,
  -- Columns of PostgreSQL 17 and later, empty before.
  to_jsonb(s) ->> 'invalidation_reason' AS invalidation_reason,
  s.active,
  s.active_pid,
  r.application_name,
  r.client_addr,
  to_jsonb(s) ->> 'inactive_since' AS inactive_since,
  to_jsonb(s) ->> 'synced' AS synced,
  pg_size_pretty(pg_wal_lsn_diff(w.lsn, s.restart_lsn)) AS retained_wal,
  CASE WHEN s.restart_lsn IS NOT NULL THEN pg_size_pretty(s.safe_wal_size) END AS safe_wal,
  current_setting('max_slot_wal_keep_size') AS max_slot_wal_keep_size,
  -- A lost slot holds nothing back, whatever its columns still say.
  CASE WHEN s.wal_status IS DISTINCT FROM 'lost' THEN greatest(age(s.xmin), age(s.catalog_xmin)) END AS held_back_transactions
FROM pg_replication_slots AS s
LEFT JOIN pg_stat_replication AS r ON r.pid = s.active_pid
CROSS JOIN (
  SELECT CASE WHEN pg_is_in_recovery()
    THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn()
  END AS lsn
) AS w
ORDER BY coalesce(s.wal_status = 'lost', false) DESC, pg_wal_lsn_diff(w.lsn, s.restart_lsn) DESC NULLS LAST;
