-- Temporary files on disk now, by session, largest first (files that the workers of one query share are not listed); the size since the last statistics reset stands in pg_stat_database.
SELECT f.pid,
       count(*) AS files,
       pg_size_pretty(sum(f.size)) AS size,
       a.usename,
       a.datname,
       a.application_name,
       now() - a.query_start AS query_age,
       left(a.query, 150) AS query
FROM (
  SELECT substring(name FROM '^pgsql_tmp([0-9]+)')::int AS pid, size
  FROM pg_ls_tmpdir()
) f
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = f.pid
GROUP BY f.pid, a.usename, a.datname, a.application_name, a.query_start, a.query
ORDER BY sum(f.size) DESC;
