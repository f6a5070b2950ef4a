-- The newest 5 dead letters of each stream and reason. Only what was loaded since the last build is looked at, beside
-- the samples there are: the newest of both are the newest of all.
WITH fresh AS (
    SELECT stream, accepted_at, sensor_id, source_topic, source_partition, source_offset, partition, kafka_offset,
           loaded_at, value, unnest(from_json(reasons, '[{"code": "VARCHAR", "detail": "VARCHAR"}]')) AS reason
    FROM dead_letters
    WHERE load_id > $after_load
),
fresh_by_code AS (
    SELECT * EXCLUDE (reason), reason.code AS code, reason.detail AS detail
    FROM fresh
    -- Once a code and record, however many fields it names; then the newest.
    QUALIFY row_number() OVER (PARTITION BY stream, reason.code, partition, kafka_offset ORDER BY reason.detail) = 1
),
newest AS (
    SELECT *
    FROM fresh_by_code
    QUALIFY row_number() OVER (
        PARTITION BY stream, code ORDER BY accepted_at DESC, partition DESC, kafka_offset DESC
    ) <= 5
),
samples AS (
    SELECT stream, code, accepted_at, sensor_id, detail, source_topic, source_partition, source_offset,
           CASE
               WHEN value IS NULL THEN '(no value)'
               ELSE coalesce(left(TRY(decode(value)), 500), left(hex(value), 500))
           END AS payload,
           partition, kafka_offset, loaded_at
    FROM newest
    UNION ALL
    FROM dlq_samples
)
SELECT *
FROM samples
QUALIFY row_number() OVER (
    PARTITION BY stream, code ORDER BY accepted_at DESC, partition DESC, kafka_offset DESC
) <= 5
