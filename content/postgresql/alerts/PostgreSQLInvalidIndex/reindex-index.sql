-- Builds an index anew without blocking writes. Run: psql -v schema=public -v index=orders_id_idx -f reindex-index.sql (as the owner of the table)
REINDEX INDEX CONCURRENTLY :"schema".:"index";
