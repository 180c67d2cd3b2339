-- On the source: slots, their consumers, how far they are behind and how much WAL they keep on disk.
SELECT s.slot_name,
       s.active,
       s.wal_status,
       r.client_addr,
       r.state,
       r.replay_lag,
       pg_size_pretty(pg_wal_lsn_diff(
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
         s.restart_lsn)) AS kept_on_disk
FROM pg_catalog.pg_replication_slots s
LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid
ORDER BY s.restart_lsn;
