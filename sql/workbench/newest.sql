-- The newest of them.
SELECT * FROM letters ORDER BY accepted_at DESC, partition, kafka_offset DESC LIMIT $most
