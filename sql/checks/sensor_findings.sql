-- What is odd about each sensor in the last full hour and this one, the newest finding of each rule, the worst first.
SELECT stream, sensor_id, sensor_type, location, rule, field, value, expected, excess, readings, evidence, from_at, to_at
FROM sensor_findings
WHERE hour >= $last_hour AND hour <= $now
QUALIFY row_number() OVER (PARTITION BY stream, sensor_id, rule ORDER BY hour DESC) = 1
ORDER BY excess DESC, stream, sensor_id, rule
