-- The longest pauses of each stream that began in the period: no sensor sent a record, for longer than one and a half
-- of its sensors' intervals (the median one), for a fleet may be slow. Of streams with records in at least 3 hours of
-- the period: others are bursts, such as a file that was replayed.
WITH flow AS (
    SELECT *, lag(last_at) OVER (PARTITION BY stream ORDER BY hour) AS before
    FROM stream_flow
    WHERE hour < $until AND hour >= $before_start AND list_contains($streams, stream)
),
flowing AS (
    SELECT stream FROM flow WHERE hour >= $start GROUP BY stream HAVING count(*) >= 3
),
intervals AS (
    SELECT stream, coalesce(median(interval_seconds), 0) AS usual_seconds
    FROM sensor_quality
    WHERE hour >= $start AND hour < $until AND list_contains($streams, stream)
    GROUP BY stream
),
pauses AS (
    SELECT stream, unnest(pause_starts) AS began_at, unnest(pause_seconds) AS seconds FROM flow
    UNION ALL
    SELECT stream, before, epoch(first_at) - epoch(before) FROM flow WHERE before IS NOT NULL
)
SELECT stream, began_at, seconds
FROM pauses SEMI JOIN flowing USING (stream)
JOIN intervals USING (stream)
WHERE began_at >= $start AND seconds >= $pause_warn AND seconds > 1.5 * usual_seconds
ORDER BY seconds DESC, stream, began_at
LIMIT 5
