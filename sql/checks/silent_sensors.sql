-- Who is silent, the most missed reports first; beside each how many sensors the stream has, and how many of them are at
-- its place and of its type.
WITH everybody AS (
    SELECT stream, sensor_id, arg_max(location, hour) AS location, arg_max(sensor_type, hour) AS sensor_type
    FROM sensor_quality SEMI JOIN silent_sensors USING (stream)
    WHERE hour > $now - INTERVAL 8 DAY AND sensor_id <> '(none)'
    GROUP BY stream, sensor_id
),
counted AS (
    SELECT stream, sensor_id, count(*) OVER (PARTITION BY stream) AS sensors,
           count(*) OVER (PARTITION BY stream, location) AS of_location,
           count(*) OVER (PARTITION BY stream, sensor_type) AS of_type
    FROM everybody
)
SELECT stream, sensor_id, sensor_type, location, since, missed, silent_seconds, expected_seconds, expected_by,
       sensors, of_location, of_type
FROM silent_sensors LEFT JOIN counted USING (stream, sensor_id)
ORDER BY missed DESC, stream, sensor_id
