-- Who is silent, the most missed reports first.
SELECT stream, sensor_id, sensor_type, location, since, missed, silent_seconds, expected_seconds, expected_by
FROM silent_sensors
ORDER BY missed DESC, stream, sensor_id
