-- What is odd about a sensor, though each of its readings is valid. Built hour by hour, each hour by itself: from the
-- readings of the hour, some before it (the newest 300 or so of each sensor, of 24 hours at most), and sensor_values of
-- the 7 days before. The rules are in sql/findings/, one file each, with the same columns; a name in braces stands for
-- its file. Thresholds come from the catalogue ($behaviours): where there is none, a rule does not judge the type.
WITH kinds AS (
    SELECT unnest($behaviours, recursive := true)
),
lines AS (
    SELECT unnest($lines, recursive := true)
),
past AS (
    SELECT * FROM sensor_values WHERE hour >= $from - INTERVAL 7 DAY AND hour < $from
),
present AS (
    SELECT * FROM sensor_values WHERE hour >= $from AND hour < $to
),
-- How far back 300 readings of a sensor reach, by the busiest of its last 24 hours.
reaches AS (
    SELECT stream, sensor_id, $from - least(INTERVAL 24 HOUR, to_seconds(3600.0 * 300 / max(readings))) AS since
    FROM past
    WHERE hour >= $from - INTERVAL 24 HOUR
    GROUP BY ALL
),
recent AS MATERIALIZED (
    SELECT stream, sensor_id, present.sensor_type, generated_at, accepted_at >= $from AS in_hour, value,
           row_number() OVER by_time AS nth, value - lag(value) OVER by_time AS step,
           epoch(generated_at) - epoch(lag(generated_at) OVER by_time) AS gap_seconds
    FROM readings
    JOIN present USING (stream, sensor_id)
    LEFT JOIN reaches USING (stream, sensor_id)
    WHERE accepted_at >= $from - INTERVAL 24 HOUR AND accepted_at < $to AND accepted_at >= coalesce(since, $from)
    WINDOW by_time AS (PARTITION BY stream, sensor_id ORDER BY generated_at, partition, kafka_offset)
),
stuck AS ({stuck}),
unit_flip AS ({unit_flip}),
clock_skew AS ({clock_skew}),
drift AS ({drift}),
spike AS ({spike}),
rate AS ({rate}),
-- A value in another unit also jumps, and one that is stuck drifts away from the others: the cause is told, once.
found AS (
    FROM stuck
    UNION ALL BY NAME FROM unit_flip
    UNION ALL BY NAME FROM clock_skew
    UNION ALL BY NAME FROM drift ANTI JOIN (FROM stuck UNION ALL BY NAME FROM unit_flip) USING (stream, sensor_id)
    UNION ALL BY NAME FROM spike ANTI JOIN unit_flip USING (stream, sensor_id)
    UNION ALL BY NAME FROM rate ANTI JOIN unit_flip USING (stream, sensor_id)
)
SELECT found.*, present.hour, present.sensor_type, present.location
FROM found
JOIN present USING (stream, sensor_id)
