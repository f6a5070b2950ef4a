-- A step from one reading to the next, faster than the quantity can change, that stays: the five readings after it are
-- as far from the five before. A value that comes back is a spike. It counts in the hour in which the third reading
-- from the step on came.
WITH jumping AS (
    SELECT stream, sensor_id, median(gap_seconds) AS usual_gap_seconds
    FROM recent
    JOIN kinds USING (stream, sensor_type)
    GROUP BY ALL
    -- Readings that come in a burst say nothing of seconds.
    HAVING max(abs(step) / greatest(gap_seconds, 1)) > any_value(rate_per_second)
),
spaced AS (
    SELECT stream, sensor_id, sensor_type, generated_at, value, step, gap_seconds, usual_gap_seconds,
           lead(in_hour, 2) OVER by_time AS counts, lag(nth, 3) OVER by_time IS NOT NULL AS has_before,
           median(value) OVER (by_time ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS before,
           median(value) OVER (by_time ROWS BETWEEN CURRENT ROW AND 4 FOLLOWING) AS after
    FROM recent
    JOIN jumping USING (stream, sensor_id)
    WINDOW by_time AS (PARTITION BY stream, sensor_id ORDER BY nth)
),
steps AS (
    SELECT stream, sensor_id, generated_at, value, before AS expected, gap_seconds,
           least(abs(step), abs(after - before)) / greatest(gap_seconds, 1) AS per_second,
           per_second / rate_per_second AS excess
    FROM spaced
    JOIN kinds USING (stream, sensor_type)
    WHERE counts AND has_before AND gap_seconds <= 3 * usual_gap_seconds AND per_second > rate_per_second
),
each AS (
    SELECT stream, sensor_id, min(generated_at) AS from_at, max(generated_at) AS to_at,
           list(generated_at ORDER BY generated_at)[:100] AS moments, count(*) AS readings,
           arg_max(
               {'value': value, 'expected': expected, 'excess': excess, 'seconds': gap_seconds}, (excess, generated_at)
           ) AS worst
    FROM steps
    GROUP BY stream, sensor_id
)
SELECT stream, sensor_id, 'value' AS field, 'rate' AS rule, from_at, to_at, moments, readings,
       worst.value AS value, worst.expected AS expected, worst.excess AS excess,
       printf(
           '%d %s faster than its type can change; the worst from %.6g to %.6g in %.1f s',
           readings, if(readings = 1, 'step is', 'steps are'), worst.expected, worst.value, worst.seconds
       ) AS evidence
FROM each
