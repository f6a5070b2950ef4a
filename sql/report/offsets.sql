-- The Kafka offsets behind the figures: raw ones that the validator covered in the period (by the ledger, an hour and
-- partition a row), and those of the rows accepted in it.
SELECT stream, 'raw' AS topic, partition, min(first_offset) AS first_offset, max(last_offset) AS last_offset,
       sum(valid + dead + duplicates)::BIGINT AS records
FROM ledger
WHERE first_at >= $start AND first_at < $until AND list_contains($streams, stream)
GROUP BY ALL
UNION ALL
SELECT stream, 'validated', partition, min(kafka_offset), max(kafka_offset), count(*)
FROM readings
WHERE accepted_at >= $start AND accepted_at < $until AND list_contains($streams, stream)
GROUP BY ALL
UNION ALL
SELECT stream, 'dead letters', partition, min(kafka_offset), max(kafka_offset), count(*)
FROM dead_letters
WHERE accepted_at >= $start AND accepted_at < $until AND list_contains($streams, stream)
GROUP BY ALL
ORDER BY stream, topic, partition
