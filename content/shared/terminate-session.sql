-- Ends a session; its open transaction is rolled back. Run: psql -v pid=12345 -f terminate-session.sql (needs pg_signal_backend)
SELECT pg_terminate_backend(:pid) AS ended;
