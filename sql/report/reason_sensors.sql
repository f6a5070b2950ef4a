-- The three sensors with the most dead letters of each reason, with their place.
WITH each_code AS (
    SELECT stream, unnest(codes) AS code, coalesce(sensor_id, '(none)') AS sensor_id
    FROM dead_letters
    WHERE accepted_at >= $start AND accepted_at < $until AND list_contains($streams, stream)
),
counted AS (
    SELECT stream, code, sensor_id, count(*) AS records
    FROM each_code
    GROUP BY stream, code, sensor_id
    QUALIFY row_number() OVER (PARTITION BY stream, code ORDER BY records DESC, sensor_id) <= 3
),
placed AS (
    SELECT stream, name AS sensor_id, arg_max(location, day) AS location
    FROM quality_trends
    WHERE scope = 'sensor' AND day >= $first_day AND day <= $last_day
    GROUP BY ALL
)
SELECT counted.*, coalesce(location, '(unknown)') AS location
FROM counted
LEFT JOIN placed USING (stream, sensor_id)
ORDER BY stream, code, records DESC, sensor_id
