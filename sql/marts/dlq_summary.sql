-- Why records are dead: by hour, reason, field and sensor type. A record with several reasons counts under each.
WITH kinds AS (
    SELECT unnest($kinds, recursive := true)
),
advice AS (
    SELECT unnest($advice, recursive := true)
),
dead AS (
    SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, accepted_at, sensor_id, partition, kafka_offset, reasons,
           -- What a dead record says of itself may be anything: only types that the catalogue knows are taken over.
           TRY(json_extract_string(decode(value), '$.sensor_type')) AS claimed_type
    FROM dead_letters
    WHERE accepted_at >= $from AND accepted_at < $to
),
each_reason AS (
    SELECT * EXCLUDE (reasons),
           unnest(from_json(reasons, '[{"code": "VARCHAR", "field": "VARCHAR", "detail": "VARCHAR"}]')) AS reason
    FROM dead
),
records AS (
    SELECT stream, hour, sum(records)::BIGINT AS records
    FROM (
        SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, count(*) AS records
        FROM readings
        WHERE accepted_at >= $from AND accepted_at < $to
        GROUP BY ALL
        UNION ALL
        SELECT stream, hour, count(*) FROM dead GROUP BY ALL
    )
    GROUP BY ALL
),
counted AS (
    SELECT each_reason.stream, hour, reason.code AS code,
           -- The field of a repeated key is whatever the sender wrote.
           if(list_contains($fields, reason.field), reason.field, '') AS field,
           kinds.sensor_type, count(*) AS dead_letters, count(DISTINCT sensor_id) AS sensors,
           arg_max(reason.detail, (accepted_at, partition, kafka_offset, reason.detail)) AS example
    FROM each_reason
    LEFT JOIN kinds ON kinds.stream = each_reason.stream AND kinds.sensor_type = claimed_type
    GROUP BY ALL
)
SELECT stream, hour, code, field, sensor_type, dead_letters, sensors, dead_letters / records AS share, example,
       coalesce(advice.text, '') AS what_to_do
FROM counted
JOIN records USING (stream, hour)
LEFT JOIN advice USING (code)
