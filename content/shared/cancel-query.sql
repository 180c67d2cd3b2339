-- Cancels the running statement of a session; the session stays. Run: psql -v pid=12345 -f cancel-query.sql (needs pg_signal_backend)
SELECT pg_cancel_backend(:pid) AS cancelled;
