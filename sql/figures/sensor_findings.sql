-- Of the newest hour with readings up to $now: sensors that behave oddly, by rule.
SELECT count(DISTINCT (stream, sensor_id)) AS odd_sensors, count(*) FILTER (rule = 'stuck') AS stuck,
       count(*) FILTER (rule = 'unit_flip') AS unit_flip, count(*) FILTER (rule = 'clock_skew') AS clock_skew,
       count(*) FILTER (rule = 'drift') AS drift, count(*) FILTER (rule = 'spike') AS spike,
       count(*) FILTER (rule = 'rate') AS rate
FROM sensor_findings
WHERE hour = (SELECT max(hour) FROM sensor_values WHERE hour <= $now AND hour > $now - INTERVAL 7 DAY)
