-- A single value (or two) far off the five before and the five after, which agree with each other: by the type's limit
-- and by eight times their own median spread. It counts in the hour in which the third reading after it came.
WITH jumping AS (
    -- A spike has a step up or down beside it: the others need no further look.
    SELECT stream, sensor_id, median(gap_seconds) AS usual_gap_seconds
    FROM recent
    JOIN kinds USING (stream, sensor_type)
    GROUP BY ALL
    HAVING max(abs(step)) >= any_value(spike) / 2
),
spaced AS (
    SELECT stream, sensor_id, sensor_type, generated_at, value, gap_seconds, usual_gap_seconds,
           lead(gap_seconds) OVER by_time AS next_gap_seconds,
           lead(in_hour, 3) OVER by_time AS counts, lag(nth, 3) OVER by_time IS NOT NULL AS has_before,
           median(value) OVER (by_time ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS before,
           median(value) OVER (by_time ROWS BETWEEN 1 FOLLOWING AND 5 FOLLOWING) AS after,
           mad(value) OVER (by_time ROWS BETWEEN 5 PRECEDING AND 5 FOLLOWING) AS spread
    FROM recent
    JOIN jumping USING (stream, sensor_id)
    WINDOW by_time AS (PARTITION BY stream, sensor_id ORDER BY nth)
),
spikes AS (
    SELECT stream, sensor_id, generated_at, value, (before + after) / 2 AS expected,
           abs(value - (before + after) / 2) / spike AS excess
    FROM spaced
    JOIN kinds USING (stream, sensor_type)
    WHERE counts AND has_before
      AND gap_seconds <= 3 * usual_gap_seconds AND next_gap_seconds <= 3 * usual_gap_seconds
      AND least(abs(value - before), abs(value - after)) >= spike AND abs(before - after) < spike / 2
      AND abs(value - (before + after) / 2) >= 8 * 1.4826 * spread
),
each AS (
    SELECT stream, sensor_id, min(generated_at) AS from_at, max(generated_at) AS to_at,
           list(generated_at ORDER BY generated_at)[:100] AS moments, count(*) AS readings,
           arg_max({'value': value, 'expected': expected, 'excess': excess}, (excess, generated_at)) AS worst
    FROM spikes
    GROUP BY stream, sensor_id
)
SELECT stream, sensor_id, 'value' AS field, 'spike' AS rule, from_at, to_at, moments, readings,
       worst.value AS value, worst.expected AS expected, worst.excess AS excess,
       printf(
           '%d %s far off its neighbours; the worst is %.6g among values around %.6g',
           readings, if(readings = 1, 'reading is', 'readings are'), worst.value, worst.expected
       ) AS evidence
FROM each
