-- Invalid indexes of this database, with how they came about as far as their names and constraints tell
SELECT
  n.nspname AS schema,
  t.relname AS table,
  i.relname AS index,
  pg_size_pretty(pg_relation_size(i.oid)) AS size,
  CASE
    WHEN i.relname ~ '_ccnew[0-9]*$' THEN 'new half of a failed REINDEX CONCURRENTLY'
    WHEN i.relname ~ '_ccold[0-9]*$' THEN 'old half of a failed REINDEX CONCURRENTLY'
    WHEN NOT x.indislive THEN 'failed DROP INDEX CONCURRENTLY'
    WHEN x.indisunique THEN 'failed build, perhaps because of duplicates'
    ELSE 'failed build'
  END AS cause,
  EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.oid) AS has_constraint,
  p.phase AS being_built_now,
  pg_get_indexdef(i.oid) AS definition
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS t ON t.oid = x.indrelid
JOIN pg_namespace AS n ON n.oid = i.relnamespace
LEFT JOIN pg_stat_progress_create_index AS p ON p.index_relid = i.oid AND p.datname = current_database()
WHERE NOT x.indisvalid
  AND i.relkind = 'i'
ORDER BY pg_relation_size(i.oid) DESC;
