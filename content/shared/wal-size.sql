-- WAL files on disk, and the settings that decide how many there are
SELECT
  count(*) AS files,
  pg_size_pretty(sum(size)) AS size,
  min(modification) AS oldest,
  current_setting('max_wal_size') AS max_wal_size,
  current_setting('wal_keep_size') AS wal_keep_size,
  current_setting('max_slot_wal_keep_size') AS max_slot_wal_keep_size
FROM pg_ls_waldir();
