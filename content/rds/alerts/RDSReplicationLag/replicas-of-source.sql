-- On the source: replicas and slots, how far they are behind and how much WAL the slots keep on disk; a replica may have no slot.
SELECT s.slot_name,
       s.active,
       s.wal_status,
       r.application_name,
       r.client_addr,
       r.state,
       r.replay_lag,
       pg_size_pretty(pg_wal_lsn_diff(w.lsn, r.replay_lsn)) AS behind,
       pg_size_pretty(pg_wal_lsn_diff(w.lsn, s.restart_lsn)) AS kept_on_disk
FROM pg_catalog.pg_replication_slots s
FULL JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid
CROSS JOIN (
  SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn
) w
ORDER BY s.restart_lsn;
