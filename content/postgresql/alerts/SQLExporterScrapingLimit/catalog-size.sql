-- Databases, tables and indexes that the exporter has to read
SELECT
  (SELECT count(*) FROM pg_database WHERE datallowconn AND NOT datistemplate) AS databases,
  current_database() AS this_database,
  count(*) FILTER (WHERE relkind IN ('r', 'p')) AS tables,
  count(*) FILTER (WHERE relkind IN ('i', 'I')) AS indexes
FROM pg_class;
