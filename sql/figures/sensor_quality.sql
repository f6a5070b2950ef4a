-- Of the newest hour up to $now: sensors, their mean and worst score, and how many score below 90.
SELECT count(*) AS sensors, coalesce(round(avg(score), 2), 100) AS mean_score, coalesce(min(score), 100) AS worst_score,
       count(*) FILTER (score < 90) AS sensors_below_90
FROM sensor_quality
WHERE hour = (SELECT max(hour) FROM sensor_quality WHERE hour <= $now AND hour > $now - INTERVAL 7 DAY)
