-- Everything that stops vacuum from freezing, oldest first: sessions, prepared transactions, slots, standbys.
SELECT 'session' AS kind,
       pid::text AS name,
       greatest(age(backend_xmin), age(backend_xid)) AS xid_age,
       concat_ws(', ', usename, application_name, state, 'since ' || xact_start::timestamptz(0)) AS detail
FROM pg_catalog.pg_stat_activity
WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
  AND backend_type <> 'walsender'
  AND pid <> pg_backend_pid()
UNION ALL
SELECT 'prepared transaction', gid, age(transaction), concat_ws(', ', owner, database, 'since ' || prepared::timestamptz(0))
FROM pg_catalog.pg_prepared_xacts
UNION ALL
SELECT 'replication slot', slot_name, greatest(age(xmin), age(catalog_xmin)), concat_ws(', ', slot_type, database, CASE WHEN active THEN 'active' ELSE 'inactive' END)
FROM pg_catalog.pg_replication_slots
WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
UNION ALL
SELECT 'standby with hot_standby_feedback', coalesce(client_addr::text, pid::text), age(backend_xmin), concat_ws(', ', application_name, state)
FROM pg_catalog.pg_stat_replication
WHERE backend_xmin IS NOT NULL
ORDER BY xid_age DESC;
