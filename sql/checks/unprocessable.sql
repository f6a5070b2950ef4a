-- Records on which the validator or Kafka failed, first seen in the last 24 hours: by stream, the newest of them. What
-- was sent again or parked since is looked after.
SELECT stream, count(*) AS letters, count(DISTINCT sensor_id) AS sensors,
       arg_max(sensor_id, first_seen) AS sensor_id, max(first_seen) AS newest_at,
       arg_max(source_topic || '/' || source_partition || '/' || source_offset, first_seen) AS source
FROM dead_letters LEFT JOIN dlq_status USING (stream, source_partition, source_offset)
WHERE list_contains(codes, 'unprocessable') AND first_seen > $now - INTERVAL 24 HOUR AND first_seen <= $now
  AND coalesce(status, 'untouched') IN ('untouched', 'unrecoverable')
GROUP BY stream
ORDER BY letters DESC, stream
