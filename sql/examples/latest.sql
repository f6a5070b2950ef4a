-- The latest reading of each sensor.
SELECT stream, sensor_id, arg_max(value, generated_at) AS value, arg_max(unit, generated_at) AS unit,
       max(generated_at) AS generated_at, arg_max(location, generated_at) AS location
FROM readings
GROUP BY ALL
ORDER BY stream, sensor_id
LIMIT 100;
