-- Drops an index without blocking writes. Run: psql -v schema=public -v index=orders_id_idx -f drop-index.sql (as the owner of the table)
DROP INDEX CONCURRENTLY :"schema".:"index";
