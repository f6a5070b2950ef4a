-- Of the 60 minutes up to $now: records a second, and sensors that sent any.
WITH records AS (
    SELECT sensor_id FROM readings WHERE accepted_at > $now - INTERVAL 1 HOUR AND accepted_at <= $now
    UNION ALL
    SELECT sensor_id FROM dead_letters WHERE accepted_at > $now - INTERVAL 1 HOUR AND accepted_at <= $now
)
SELECT round(count(*) / 3600, 3) AS records_per_second, count(DISTINCT sensor_id) AS sensors
FROM records
