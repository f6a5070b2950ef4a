-- Where a reading with one of these ids is. What is asked for may be older than deduplication remembers.
SELECT message_id::VARCHAR AS message_id, max(kafka_offset) AS kafka_offset, any_value(partition) AS partition
FROM readings
WHERE stream = $stream AND generated_at BETWEEN $earliest AND $latest
  AND message_id IN (SELECT unnest($ids::UUID[]))
GROUP BY message_id
