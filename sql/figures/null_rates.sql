-- Of the newest hour up to $now: the worst rate of a field in a stream, and of a field in a sensor.
SELECT coalesce(max(rate) FILTER (location = '(all)'), 0) AS worst_field_rate,
       coalesce(max(rate) FILTER (sensor_id <> '(all)'), 0) AS worst_sensor_rate,
       count(DISTINCT sensor_id) FILTER (sensor_id <> '(all)') AS sensors_with_nulls
FROM null_rates
WHERE hour = (SELECT max(hour) FROM null_rates WHERE hour <= $now AND hour > $now - INTERVAL 7 DAY)
