-- Days looked back at on which some sensors scored below $bad.
SELECT quality_trends.stream, name AS sensor_id, day
FROM quality_trends
JOIN (SELECT unnest($sensors, recursive := true)) AS wanted ON wanted.stream = quality_trends.stream AND sensor_id = name
WHERE scope = 'sensor' AND day >= $reach::DATE AND day <= $last_day AND score < $bad
ORDER BY ALL
