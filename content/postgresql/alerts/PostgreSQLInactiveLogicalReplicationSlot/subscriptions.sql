-- On the subscriber: subscriptions of all databases, those without a worker first; unless chosen otherwise, the slot has the name of the subscription
SELECT
  subname,
  pid AS worker_pid,
  received_lsn,
  date_trunc('second', clock_timestamp() - last_msg_receipt_time) AS last_message
FROM pg_stat_subscription
WHERE relid IS NULL
ORDER BY pid IS NULL DESC, subname;
