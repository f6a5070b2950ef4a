-- Of the newest hour up to $now: sensors and readings, how many stayed at one value, and the longest median delay.
SELECT count(*) AS sensors, coalesce(sum(readings), 0)::BIGINT AS readings,
       count(*) FILTER (minimum = maximum AND readings > 1) AS sensors_at_one_value,
       coalesce(max(delay_seconds), 0) AS longest_delay_seconds
FROM sensor_values
WHERE hour = (SELECT max(hour) FROM sensor_values WHERE hour <= $now AND hour > $now - INTERVAL 7 DAY)
