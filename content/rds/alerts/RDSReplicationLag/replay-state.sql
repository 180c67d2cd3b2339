-- On the replica: is it receiving and replaying? Wait a minute and run it again: both positions must move.
SELECT pg_is_in_recovery() AS is_replica,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() END AS received,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END AS replayed,
       CASE WHEN pg_is_in_recovery() THEN pg_size_pretty(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())) END AS not_replayed_yet,
       now() - pg_last_xact_replay_timestamp() AS last_replayed_commit,
       CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END AS replay_paused,
       (SELECT status FROM pg_catalog.pg_stat_wal_receiver) AS receiver;
