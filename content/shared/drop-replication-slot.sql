-- Drops an inactive replication slot for good; its consumer must be set up anew. Run: psql -v slot=name -f drop-replication-slot.sql (needs the REPLICATION attribute; on RDS the role rds_replication)
SELECT pg_drop_replication_slot(:'slot');
