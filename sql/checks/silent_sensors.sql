-- Who is silent, the most missed reports first; beside each how many sensors the stream has, and how many of them are at
-- its place and of its type. Then who is back: that reported in the last full hour or this one after a gap, between two
-- hours or within one, of more than three of its own intervals, and of the gaps of its stream's sensors, for after an
-- outage all are back.
WITH hours AS (
    SELECT stream, sensor_id, hour, location, sensor_type, interval_seconds, longest_gap_seconds, longest_gap_until,
           lag(last_seen) OVER by_hour AS before, epoch(first_seen) - epoch(lag(last_seen) OVER by_hour) AS gap_seconds
    FROM sensor_quality
    WHERE hour > $now - INTERVAL 8 DAY AND hour <= $now AND sensor_id <> '(none)'
    WINDOW by_hour AS (PARTITION BY stream, sensor_id ORDER BY hour)
),
everybody AS (
    SELECT stream, sensor_id, arg_max(location, hour) AS location, arg_max(sensor_type, hour) AS sensor_type,
           coalesce(median(interval_seconds), median(gap_seconds)) AS usual_seconds
    FROM hours
    GROUP BY stream, sensor_id
),
counted AS (
    SELECT stream, sensor_id, count(*) OVER (PARTITION BY stream) AS sensors,
           count(*) OVER (PARTITION BY stream, location) AS of_location,
           count(*) OVER (PARTITION BY stream, sensor_type) AS of_type
    FROM everybody
),
gaps AS (
    SELECT stream, sensor_id, before, gap_seconds, median(gap_seconds) OVER (PARTITION BY stream, hour) AS of_stream_seconds
    FROM hours
    WHERE hour >= $last_hour
    UNION ALL
    SELECT stream, sensor_id, longest_gap_until - to_microseconds((1e6 * longest_gap_seconds)::BIGINT), longest_gap_seconds,
           median(longest_gap_seconds) OVER (PARTITION BY stream, hour)
    FROM hours
    WHERE hour >= $last_hour
),
back AS (
    SELECT stream, sensor_id, sensor_type, location, before AS since, gap_seconds AS silent_seconds
    FROM gaps JOIN everybody USING (stream, sensor_id) ANTI JOIN silent_sensors USING (stream, sensor_id)
    WHERE gap_seconds > 3 * greatest(usual_seconds, of_stream_seconds)
    QUALIFY row_number() OVER (PARTITION BY stream, sensor_id ORDER BY gap_seconds DESC) = 1
)
SELECT stream, sensor_id, sensor_type, location, since, missed, silent_seconds, expected_seconds, expected_by,
       sensors, of_location, of_type, false AS back
FROM silent_sensors LEFT JOIN counted USING (stream, sensor_id)
UNION ALL BY NAME
SELECT *, true AS back FROM back
ORDER BY back, missed DESC, silent_seconds DESC, stream, sensor_id
