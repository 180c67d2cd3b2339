-- Settings that decide how much memory the server takes.
SELECT name,
       CASE WHEN unit IN ('kB', '8kB') AND setting <> '-1'
            THEN pg_size_pretty(setting::numeric * CASE unit WHEN '8kB' THEN 8192 ELSE 1024 END)
            ELSE setting
       END AS value,
       source,
       pending_restart
FROM pg_catalog.pg_settings
WHERE name IN ('shared_buffers', 'work_mem', 'hash_mem_multiplier', 'maintenance_work_mem', 'autovacuum_work_mem',
               'autovacuum_max_workers', 'max_connections', 'max_parallel_workers', 'temp_buffers',
               'logical_decoding_work_mem')
ORDER BY name;
