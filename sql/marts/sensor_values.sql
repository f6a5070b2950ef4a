-- What each sensor measured, hour by hour: the spread of its values, how long it stayed at one, how late it sends.
WITH ordered AS (
    SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, sensor_id, sensor_type, location, value,
           accepted_at, generated_at, partition, kafka_offset,
           epoch(accepted_at) - epoch(generated_at) AS delay_seconds,
           value IS DISTINCT FROM lag(value) OVER (
               PARTITION BY stream, sensor_id, time_bucket(INTERVAL 1 HOUR, accepted_at)
               ORDER BY generated_at, partition, kafka_offset
           ) AS begins
    FROM readings
    WHERE accepted_at >= $from AND accepted_at < $to
),
numbered AS (
    SELECT stream, hour, sensor_id,
           sum(begins::INTEGER) OVER (
               PARTITION BY stream, sensor_id, hour ORDER BY generated_at, partition, kafka_offset
           ) AS run
    FROM ordered
),
runs AS (
    SELECT stream, hour, sensor_id, max(length) AS longest_run
    FROM (SELECT stream, hour, sensor_id, count(*) AS length FROM numbered GROUP BY stream, hour, sensor_id, run)
    GROUP BY ALL
),
hours AS (
    SELECT stream, hour, sensor_id,
           arg_max(sensor_type, (accepted_at, partition, kafka_offset)) AS sensor_type,
           arg_max(location, (accepted_at, partition, kafka_offset)) AS location,
           count(*) AS readings, min(value) AS minimum, quantile_cont(value, [0.1, 0.5, 0.9]) AS spread,
           max(value) AS maximum, median(delay_seconds) AS delay_seconds, mad(delay_seconds) AS delay_spread_seconds,
           min(generated_at) AS first_at, max(generated_at) AS last_at
    FROM ordered
    GROUP BY ALL
)
SELECT hours.* EXCLUDE (spread), spread[1] AS low, spread[2] AS median, spread[3] AS high, longest_run
FROM hours
JOIN runs USING (stream, hour, sensor_id)
