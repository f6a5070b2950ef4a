-- The score of some sensors hour by hour.
SELECT stream, sensor_id, hour, score
FROM sensor_quality
JOIN (SELECT unnest($sensors, recursive := true)) USING (stream, sensor_id)
WHERE hour >= $start AND hour < $until
ORDER BY stream, sensor_id, hour
