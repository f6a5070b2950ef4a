-- Readings, sensors and range of values per day, stream and sensor type.
SELECT stream, generated_at::DATE AS day, sensor_type, count(*) AS readings,
       count(DISTINCT sensor_id) AS sensors, round(min(value), 2) AS lowest, round(max(value), 2) AS highest
FROM readings
GROUP BY ALL
ORDER BY day DESC, stream, sensor_type
LIMIT 50;
