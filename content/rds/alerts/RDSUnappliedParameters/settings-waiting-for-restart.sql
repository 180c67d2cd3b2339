-- Settings whose new value waits for a restart, with the value in use.
SELECT name, setting AS value_in_use, unit, source, context
FROM pg_catalog.pg_settings
WHERE pending_restart
ORDER BY name;
