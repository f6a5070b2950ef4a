-- Fields that a sensor left out in $null_warn of its readings or more, the worst first; `total` counts the sensors, of
-- which at most one row each field is given. A field that the stream never sent is none of its fields.
WITH sent AS (
    SELECT DISTINCT stream, field FROM null_rates
    WHERE sensor_id = '(all)' AND location = '(all)' AND nulls < readings AND hour < $until
),
readings AS (
    SELECT stream, sensor_id, sum(valid)::BIGINT AS valid
    FROM sensor_quality
    WHERE hour >= $start AND hour < $until AND list_contains($streams, stream)
    GROUP BY ALL
),
nulls AS (
    SELECT stream, sensor_id, field, arg_max(location, hour) AS location, sum(nulls)::BIGINT AS nulls
    FROM null_rates SEMI JOIN sent USING (stream, field)
    WHERE hour >= $start AND hour < $until AND sensor_id <> '(all)' AND list_contains($policy_fields, field)
      AND list_contains($streams, stream)
    GROUP BY ALL
),
rates AS (
    SELECT stream, sensor_id, location, field, nulls, valid AS readings, nulls / valid AS rate
    FROM nulls
    JOIN readings USING (stream, sensor_id)
    WHERE valid >= 20 AND nulls / valid >= $null_warn
)
SELECT *, (SELECT count(DISTINCT (stream, sensor_id)) FROM rates) AS total
FROM rates
ORDER BY rate DESC, nulls DESC, stream, sensor_id, field
LIMIT $many
