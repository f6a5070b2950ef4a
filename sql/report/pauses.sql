-- The longest pauses of each stream within the period: no sensor sent a record, for longer than one and a half of its
-- sensors' intervals (the median one), for a fleet may be slow. One that began before the period counts from its start,
-- and one without an end up to $until (open); began_at is the record before it, whenever that was.
--
-- Of streams that flow, as the check `freshness` has it: with records in 3 of the 24 hours up to the one before the pause;
-- one that has ended, also with records in 3 hours of the period; the fleet's always. Others are bursts, such as a file
-- that was replayed. Of a stream that is no longer configured none is open.
WITH flow AS (
    SELECT *, lag(last_at) OVER (PARTITION BY stream ORDER BY hour) AS before,
           count(*) OVER (
               PARTITION BY stream ORDER BY hour RANGE BETWEEN INTERVAL 23 HOURS PRECEDING AND CURRENT ROW
           ) AS hours
    FROM stream_flow
    WHERE hour < $until AND list_contains($streams, stream)
),
followed AS (
    SELECT *, lag(hours) OVER (PARTITION BY stream ORDER BY hour) AS hours_before FROM flow
),
streams AS (
    SELECT stream, max(last_at) AS newest_at, arg_max(hours, hour) AS newest_hours,
           count(*) FILTER (hour >= $start) >= 3 AS flowed
    FROM flow
    GROUP BY stream
),
intervals AS (
    SELECT stream, median(interval_seconds) AS usual_seconds
    FROM sensor_quality
    WHERE hour >= $before_start AND hour < $until AND list_contains($streams, stream)
    GROUP BY stream
),
pauses AS (
    SELECT stream, unnest(pause_starts) AS began_at, unnest(pause_seconds) AS whole_seconds, hours, false AS open
    FROM followed
    WHERE hour >= $start
    UNION ALL
    SELECT stream, before, epoch(first_at) - epoch(before), hours_before, false
    FROM followed
    WHERE hour >= $start AND before IS NOT NULL
    UNION ALL
    SELECT stream, newest_at, epoch($until) - epoch(newest_at), newest_hours, true
    FROM streams
    WHERE list_contains($configured, stream)
),
within AS (
    SELECT stream, began_at, whole_seconds - greatest(0, epoch($start) - epoch(began_at)) AS seconds, whole_seconds, open
    FROM pauses JOIN streams USING (stream)
    WHERE hours >= 3 OR (flowed AND NOT open) OR stream = $fleet
)
SELECT stream, began_at, seconds, whole_seconds, open
FROM within LEFT JOIN intervals USING (stream)
WHERE whole_seconds > 1.5 * coalesce(usual_seconds, 0)
  -- Where nothing came at all in a day that has only begun, all of it counts.
  AND if(open AND began_at < $start, whole_seconds, seconds) >= $pause_warn
QUALIFY row_number() OVER (PARTITION BY stream ORDER BY open DESC, seconds DESC, began_at) <= 5
ORDER BY seconds DESC, stream, began_at
