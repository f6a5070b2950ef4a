-- The newest snapshot: each of our groups' partitions, the longest wait first.
SELECT taken_at, consumer_group, topic, partition, messages, seconds
FROM lag_snapshots
WHERE taken_at = (SELECT max(taken_at) FROM lag_snapshots) AND own
ORDER BY seconds DESC, messages DESC, consumer_group, topic, partition
