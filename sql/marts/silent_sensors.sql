-- Who should have reported by now and has not: silent for more than 2 of its own intervals.
--
-- The interval is the one given for its type in the catalogue, or a longer one that the sensor keeps: the median of its
-- hourly medians (sensor_quality) in its last 24 hours with records; a sensor too slow for two records an hour goes by
-- the time between its hours. Where the catalogue gives none, or one ten times too long, the interval is learnt: that
-- median, but no less than nine of ten gaps over the turn of an hour, so that who sends in bursts is not silent between
-- them. Learning takes 20 gaps in four hours, or of a slow sensor five in all; before, it is unknown, and nobody is judged.
-- Dead letters are signs of life as well. A sensor of a type that no catalogue knows is not judged.
--
-- "By now" is the newest record of its partition, never the clock: when the stream stands still, nobody is named, and
-- likewise when one partition does (its validator is behind, or rebalances). A partition of fewer than 3 sensors, or
-- one that is over 15 minutes behind the others, is judged by the stream's newest record instead.
--
-- Pauses of the whole stream (stream_flow) are no silence of a sensor: after an outage everybody has two intervals
-- again. A pause is longer than one and a half intervals, the sensor's own and the median one of the stream's sensors.
--
-- Only the last 7 days of the stream are looked at, so the cost does not grow with history, and a sensor that was
-- taken away is named for 7 days. Records from the future (more than 5 minutes ahead of $now) count for nothing.
WITH kinds AS (
    SELECT unnest($kinds, recursive := true)
),
hours AS (
    SELECT *
    FROM sensor_quality
    WHERE hour >= $since AND last_seen <= $now + INTERVAL 5 MINUTE AND sensor_id <> '(none)'
    QUALIFY hour > max(last_seen) OVER (PARTITION BY stream) - INTERVAL 7 DAY
),
recent AS (
    SELECT *,
           epoch(last_seen) - epoch(lag(last_seen) OVER by_hour) AS between_hours,
           epoch(first_seen) - epoch(lag(last_seen) OVER by_hour) AS over_the_hour,
           -- Many short gaps and a long one: the mean is far above the median.
           epoch(last_seen) - epoch(first_seen) AS span_seconds,
           span_seconds > 3 * interval_seconds * (valid + dead - 1) AS in_bursts
    FROM hours
    WINDOW by_hour AS (PARTITION BY stream, sensor_id ORDER BY hour)
    QUALIFY row_number() OVER (PARTITION BY stream, sensor_id ORDER BY hour DESC) <= 24
),
each_sensor AS (
    SELECT stream, sensor_id, arg_max(sensor_type, hour) AS sensor_type, arg_max(location, hour) AS location,
           arg_max(partition, hour) AS partition, max(last_seen) AS since,
           coalesce(median(interval_seconds), median(between_hours), 0) AS usual_seconds,
           greatest(
               usual_seconds, coalesce(quantile_cont(over_the_hour, 0.9), 0),
               coalesce(quantile_cont(span_seconds, 0.9) FILTER (in_bursts), 0)
           ) AS longer_seconds,
           sum(valid + dead)::BIGINT - 1 AS gaps,
           (gaps >= 20 AND count(over_the_hour) >= 3) OR (median(interval_seconds) IS NULL AND gaps >= 5) AS known
    FROM recent
    GROUP BY ALL
),
progress AS (
    SELECT stream, partition, count(*) AS sensors, max(since) AS partition_at,
           max(max(since)) OVER (PARTITION BY stream) AS stream_at
    FROM each_sensor
    GROUP BY stream, partition
),
expected AS (
    SELECT each_sensor.*,
           if(interval_seconds IS NULL OR (known AND longer_seconds <= interval_seconds / 10),
              longer_seconds, greatest(interval_seconds, usual_seconds)) AS expected_seconds,
           if(expected_seconds IS DISTINCT FROM interval_seconds, 'learnt', 'given') AS expected_by,
           if(sensors < 3 OR partition_at < stream_at - INTERVAL 15 MINUTE, stream_at, partition_at) AS by_now,
           1.5 * greatest(
               expected_seconds, median(expected_seconds) OVER (PARTITION BY stream)
           ) AS least_pause_seconds
    FROM each_sensor
    JOIN progress USING (stream, partition)
    JOIN kinds USING (stream, sensor_type)
    WHERE interval_seconds IS NOT NULL OR known
),
flow AS (
    SELECT *, lag(last_at) OVER (PARTITION BY stream ORDER BY hour) AS before
    FROM stream_flow
    WHERE hour >= $since AND last_at <= $now + INTERVAL 5 MINUTE
),
pauses AS (
    SELECT stream, unnest(pause_starts) AS pause_start, unnest(pause_seconds) AS seconds FROM flow
    UNION ALL
    SELECT stream, before, epoch(first_at) - epoch(before) FROM flow WHERE before IS NOT NULL
),
paused AS (
    SELECT stream, sensor_id, sum(seconds) AS paused_seconds
    FROM expected
    JOIN pauses USING (stream)
    WHERE pause_start >= since AND pause_start < by_now AND seconds > least_pause_seconds
    GROUP BY ALL
),
judged AS (
    SELECT *, epoch(by_now) - epoch(since) - coalesce(paused_seconds, 0) AS silent_seconds
    FROM expected
    LEFT JOIN paused USING (stream, sensor_id)
)
SELECT stream, sensor_id, sensor_type, location, since, silent_seconds, expected_seconds, expected_by, gaps,
       floor(silent_seconds / expected_seconds)::BIGINT AS missed
FROM judged
WHERE silent_seconds > 2 * expected_seconds
