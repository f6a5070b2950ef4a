-- Why the records of some sensors are dead: by reason, with what the newest record was told.
WITH reasons AS (
    SELECT stream, coalesce(sensor_id, '(none)') AS sensor_id, accepted_at, partition, kafka_offset,
           unnest(from_json(reasons, '[{"code": "VARCHAR", "field": "VARCHAR", "detail": "VARCHAR"}]')) AS reason
    FROM dead_letters
    WHERE accepted_at >= $start AND accepted_at < $until
)
SELECT stream, sensor_id, reason.code AS code, count(DISTINCT (partition, kafka_offset)) AS records,
       arg_max(reason.detail, (accepted_at, partition, kafka_offset, reason.detail)) AS example
FROM reasons
JOIN (SELECT unnest($sensors, recursive := true)) USING (stream, sensor_id)
GROUP BY ALL
ORDER BY stream, sensor_id, records DESC, code
