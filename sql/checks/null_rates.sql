-- Fields and sensors of the last full hour and this one, the worst first; fewer than 20 readings say nothing. A field
-- that no sensor of the stream has sent in 30 days is none of its fields, and nobody left it out. Beside each how many
-- sensors the stream has, and how many of them are at its place and of its type.
WITH worst AS (
    SELECT stream, sensor_id, field, location, max_by(readings, rate) AS readings, max_by(nulls, rate) AS nulls,
           max(rate) AS rate
    FROM null_rates
    WHERE hour >= $last_hour AND hour <= $now AND sensor_id <> '(all)' AND readings >= 20
    GROUP BY ALL
),
sent AS (
    SELECT DISTINCT stream, field FROM null_rates SEMI JOIN worst USING (stream, field)
    WHERE hour > $now - INTERVAL 30 DAY AND sensor_id = '(all)' AND location = '(all)' AND nulls < readings
),
everybody AS (
    SELECT stream, sensor_id, arg_max(location, hour) AS place, arg_max(sensor_type, hour) AS sensor_type
    FROM sensor_quality SEMI JOIN worst USING (stream)
    WHERE hour >= $last_hour AND hour <= $now AND sensor_id <> '(none)'
    GROUP BY stream, sensor_id
),
counted AS (
    SELECT stream, sensor_id, sensor_type, count(*) OVER (PARTITION BY stream) AS sensors,
           count(*) OVER (PARTITION BY stream, place) AS of_location,
           count(*) OVER (PARTITION BY stream, sensor_type) AS of_type
    FROM everybody
)
SELECT worst.*, sensor_type, sensors, of_location, of_type
FROM worst SEMI JOIN sent USING (stream, field) LEFT JOIN counted USING (stream, sensor_id)
ORDER BY rate DESC, nulls DESC, stream, sensor_id, field
