-- By reason and status; a dead letter with several reasons counts under each.
SELECT code, status, count(*) AS dead_letters, count(DISTINCT sensor_id) AS sensors
FROM (SELECT unnest(codes) AS code, status, sensor_id FROM letters)
GROUP BY ALL
ORDER BY dead_letters DESC, code, status
