-- Everything that stops vacuum from freezing, oldest first: sessions, prepared transactions, slots, standbys. Vacuums themselves do not count.
SELECT kind, name, xid_age, since::timestamptz(0), detail
FROM (
  SELECT 'session' AS kind,
         pid::text AS name,
         greatest(age(backend_xmin), age(backend_xid)) AS xid_age,
         coalesce(age(backend_xid) >= age(backend_xmin), backend_xid IS NOT NULL) AS own_xid,
         xact_start AS since,
         concat_ws(', ', datname, usename, application_name, state) AS detail
  FROM pg_catalog.pg_stat_activity
  WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
    AND backend_type NOT IN ('walsender', 'parallel worker')
    AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
    AND pid <> pg_backend_pid()
  UNION ALL
  SELECT 'prepared transaction', gid, age(transaction), true, prepared, concat_ws(', ', database, owner)
  FROM pg_catalog.pg_prepared_xacts
  UNION ALL
  SELECT CASE WHEN slot_type = 'physical' AND active THEN 'standby with hot_standby_feedback' ELSE 'replication slot' END,
         slot_name,
         greatest(age(xmin), age(catalog_xmin)),
         false,
         NULL,
         concat_ws(', ', database, slot_type || ' slot', CASE WHEN active THEN 'active' ELSE 'inactive' END)
  FROM pg_catalog.pg_replication_slots
  WHERE (xmin IS NOT NULL OR catalog_xmin IS NOT NULL)
    AND wal_status IS DISTINCT FROM 'lost'
  UNION ALL
  SELECT 'standby with hot_standby_feedback', coalesce(client_addr::text, pid::text), age(backend_xmin), false, NULL, concat_ws(', ', application_name, state)
  FROM pg_catalog.pg_stat_replication
  WHERE backend_xmin IS NOT NULL
) b
-- A new snapshot is as old as the oldest open transaction ID, so the owner of that ID comes first.
ORDER BY xid_age DESC, own_xid DESC, b.since NULLS LAST
LIMIT 50;
