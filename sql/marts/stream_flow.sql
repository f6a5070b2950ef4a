-- How each stream flowed, hour by hour: records, sensors, and the pauses in which nobody sent anything. Of pauses over
-- a second the 20 longest of the hour are kept; one that spans hours shows between last_at and the next first_at.
WITH records AS (
    SELECT stream, accepted_at, sensor_id, false AS is_dead
    FROM readings
    WHERE accepted_at >= $from AND accepted_at < $to
    UNION ALL
    SELECT stream, accepted_at, sensor_id, true
    FROM dead_letters
    WHERE accepted_at >= $from AND accepted_at < $to
),
spaced AS (
    SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, accepted_at, sensor_id, is_dead,
           lag(accepted_at) OVER (
               PARTITION BY stream, time_bucket(INTERVAL 1 HOUR, accepted_at) ORDER BY accepted_at
           ) AS before
    FROM records
),
paused AS (
    SELECT stream, hour, before AS pause_start, epoch(accepted_at) - epoch(before) AS seconds
    FROM spaced
    WHERE accepted_at - before > INTERVAL 1 SECOND
    QUALIFY row_number() OVER (PARTITION BY stream, hour ORDER BY seconds DESC, pause_start) <= 20
),
pauses AS (
    SELECT stream, hour, max(seconds) AS longest, list(pause_start ORDER BY pause_start) AS pause_starts,
           list(seconds ORDER BY pause_start) AS pause_seconds
    FROM paused
    GROUP BY ALL
),
counted AS (
    SELECT stream, hour, count(*) FILTER (NOT is_dead) AS valid, count(*) FILTER (is_dead) AS dead,
           count(*) FILTER (is_dead) / count(*) AS share_dead, count(DISTINCT sensor_id) AS sensors,
           min(accepted_at) AS first_at, max(accepted_at) AS last_at,
           coalesce(max(epoch(accepted_at) - epoch(before)), 0) AS longest_pause_seconds
    FROM spaced
    GROUP BY ALL
)
SELECT counted.*, coalesce(pause_starts, []) AS pause_starts, coalesce(pause_seconds, []) AS pause_seconds
FROM counted
LEFT JOIN pauses USING (stream, hour)
