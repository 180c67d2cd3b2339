-- What the monitoring user is and may do; monitor must be true
SELECT
  current_user AS login,
  pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitor,
  current_setting('server_version') AS server_version,
  pg_is_in_recovery() AS standby,
  (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS connection_limit,
  (SELECT rolvaliduntil FROM pg_roles WHERE rolname = current_user) AS password_valid_until;
