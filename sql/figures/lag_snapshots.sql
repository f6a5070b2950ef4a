-- Of the newest snapshot: records that wait in all of our groups, and the age of the oldest.
SELECT coalesce(sum(messages), 0)::BIGINT AS lag_messages, coalesce(max(seconds), 0) AS lag_seconds
FROM lag_snapshots
WHERE taken_at = (SELECT max(taken_at) FROM lag_snapshots) AND own
