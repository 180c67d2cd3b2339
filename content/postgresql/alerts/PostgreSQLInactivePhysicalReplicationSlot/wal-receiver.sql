-- On the standby: the slot it wants to use, and whether it receives WAL (no status: it does not)
SELECT
  pg_is_in_recovery() AS standby,
  current_setting('primary_slot_name') AS wanted_slot,
  r.status,
  r.slot_name AS used_slot,
  r.sender_host,
  date_trunc('second', clock_timestamp() - r.last_msg_receipt_time) AS last_message
FROM (SELECT 1) AS one
LEFT JOIN pg_stat_wal_receiver AS r ON true;
