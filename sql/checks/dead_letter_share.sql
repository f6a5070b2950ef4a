-- Records of each stream and sensor from the last full hour on. Judged by stream; sensors whose own share reaches the
-- level say where to look. Beside each its place and type, how many of the stream have the same, and why the stream's
-- records are dead: the most frequent reasons, and the fields of the newest of each.
WITH dead AS (
    SELECT stream, coalesce(sensor_id, '(none)') AS sensor_id, codes[1] AS code, reasons, value, accepted_at
    FROM dead_letters
    WHERE accepted_at >= $last_hour AND accepted_at <= $now
),
records AS (
    SELECT stream, sensor_id, count(*) AS valid, 0 AS dead, NULL AS code, arg_max(location, accepted_at) AS location,
           arg_max(sensor_type, accepted_at) AS sensor_type
    FROM readings
    WHERE accepted_at >= $last_hour AND accepted_at <= $now
    GROUP BY stream, sensor_id
    UNION ALL
    -- What sends nothing valid is known by its last place, and by the type that it says it is of.
    SELECT stream, sensor_id, 0, dead, code, NULL, TRY(json_extract_string(decode(value), '$.sensor_type'))
    FROM (
        SELECT stream, sensor_id, count(*) AS dead, mode(code) AS code, arg_max(value, accepted_at) AS value
        FROM dead
        GROUP BY stream, sensor_id
    )
),
by_code AS (
    SELECT stream, code, count(*) AS letters, arg_max(reasons, accepted_at, 50) AS newest FROM dead GROUP BY stream, code
),
why AS (
    SELECT stream, list({code: code, letters: letters} ORDER BY letters DESC, code)[:5] AS reasons
    FROM by_code
    GROUP BY stream
),
one_by_one AS (
    SELECT stream, unnest(newest) AS reasons FROM by_code
),
named AS (
    SELECT stream, unnest(from_json(reasons, '[{"field": "VARCHAR"}]')) AS reason FROM one_by_one
),
fields AS (
    SELECT stream, list(DISTINCT reason.field ORDER BY reason.field)[:10] AS fields
    FROM named
    WHERE reason.field <> ''
    GROUP BY stream
),
by_sensor AS (
    SELECT stream, sensor_id, sum(dead)::BIGINT AS dead, sum(valid + dead)::BIGINT AS records,
           coalesce(max(code), '') AS most_frequent_reason,
           coalesce(max(location), any_value(last_location)) AS location,
           coalesce(max(sensor_type) FILTER (valid > 0), max(sensor_type)) AS sensor_type
    FROM records LEFT JOIN sensors USING (stream, sensor_id)
    GROUP BY stream, sensor_id
)
SELECT by_sensor.*, dead / records AS share,
       (sum(dead) OVER of_stream)::BIGINT AS stream_dead, (sum(records) OVER of_stream)::BIGINT AS stream_records,
       count(*) FILTER (sensor_id <> '(none)') OVER of_stream AS sensors,
       count(*) OVER (PARTITION BY stream, location) AS of_location,
       count(*) OVER (PARTITION BY stream, sensor_type) AS of_type,
       coalesce(why.reasons, []) AS reasons, coalesce(fields.fields, []) AS fields
FROM by_sensor LEFT JOIN why USING (stream) LEFT JOIN fields USING (stream)
WINDOW of_stream AS (PARTITION BY stream)
ORDER BY share DESC, dead DESC, stream, sensor_id
