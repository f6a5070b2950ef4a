-- The newest dead letter of each reason in the period: what it was told, where it is, and its first 400 characters.
WITH each_reason AS (
    SELECT stream, accepted_at, sensor_id, source_topic, source_partition, source_offset, partition, kafka_offset, value,
           unnest(from_json(reasons, '[{"code": "VARCHAR", "detail": "VARCHAR"}]')) AS reason
    FROM dead_letters
    WHERE accepted_at >= $start AND accepted_at < $until AND list_contains($streams, stream)
),
newest AS (
    SELECT *
    FROM each_reason
    QUALIFY row_number() OVER (
        PARTITION BY stream, reason.code ORDER BY accepted_at DESC, partition DESC, kafka_offset DESC, reason.detail
    ) = 1
)
SELECT stream, reason.code AS code, accepted_at, coalesce(sensor_id, '(none)') AS sensor_id, reason.detail AS detail,
       source_topic || '/' || source_partition || '/' || source_offset AS source,
       CASE
           WHEN value IS NULL THEN '(no value)'
           ELSE coalesce(left(TRY(decode(value)), 400), left(hex(value), 400))
       END AS payload
FROM newest
