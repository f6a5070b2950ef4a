-- Of the newest hour up to $now: the share of repeats in all streams, the worst sensor's, and how many sensors repeat.
SELECT coalesce(sum(duplicates) FILTER (sensor_id = '(all)')
                / nullif(sum(valid + duplicates) FILTER (sensor_id = '(all)'), 0), 0) AS duplicate_rate,
       coalesce(max(rate) FILTER (sensor_id NOT IN ('(all)', '*')), 0) AS worst_sensor_rate,
       count(*) FILTER (sensor_id NOT IN ('(all)', '*')) AS sensors_with_duplicates
FROM duplicate_rates
WHERE hour = (SELECT max(hour) FROM duplicate_rates WHERE hour <= $now AND hour > $now - INTERVAL 7 DAY)
