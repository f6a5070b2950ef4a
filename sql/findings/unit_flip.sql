-- Values in another unit than the one they name: far from where the sensor was in the last days (or where the others
-- of its type are), but right there when they are taken for one of the units that such sensors send by mistake. At
-- least five readings of the hour, or all of a slow sensor's.
WITH before AS (
    SELECT stream, sensor_id, median(median) AS middle,
           greatest(
               1.4826 * mad(median), median((high - low) / 2), 0.01 * abs(median(median))
           ) AS spread
    FROM past
    GROUP BY ALL
    HAVING count(*) >= 2
),
others AS (
    SELECT present.stream, present.sensor_id, median(other.median) AS middle,
           greatest(
               1.4826 * mad(other.median), median((other.high - other.low) / 2), 0.01 * abs(median(other.median))
           ) AS spread, count(*) AS sensors
    FROM present
    JOIN present AS other ON other.stream = present.stream AND other.sensor_type = present.sensor_type
        AND other.sensor_id <> present.sensor_id
    JOIN (SELECT DISTINCT stream, sensor_type FROM lines) AS judged
        ON judged.stream = present.stream AND judged.sensor_type = present.sensor_type
    GROUP BY ALL
    HAVING count(*) >= 2
),
measures AS (
    SELECT stream, sensor_id, middle, spread, 'it showed in the days before' AS whose, 1 AS rank FROM before
    UNION ALL
    SELECT stream, sensor_id, middle, spread, printf('%d others of its type show', sensors), 2 FROM others
),
fitting AS (
    SELECT recent.stream, recent.sensor_id, whose, rank, lines.unit, middle, count(*) AS readings, min(generated_at) AS from_at,
           max(generated_at) AS to_at, median(value) AS shown, min(abs(value - middle) / (8 * spread)) AS excess,
           median((value - line_offset) / factor) AS taken,
           list(generated_at ORDER BY generated_at)[:100] AS moments
    FROM recent
    JOIN lines ON lines.stream = recent.stream AND lines.sensor_type = recent.sensor_type
    JOIN measures ON measures.stream = recent.stream AND measures.sensor_id = recent.sensor_id
    WHERE in_hour AND abs(value - middle) > 8 * spread AND abs((value - line_offset) / factor - middle) <= 4 * spread
    GROUP BY ALL
)
SELECT fitting.stream, fitting.sensor_id, 'value' AS field, 'unit_flip' AS rule, from_at, to_at,
       if(fitting.readings = present.readings, NULL, moments) AS moments, fitting.readings,
       shown AS value, taken AS expected, excess,
       printf(
           '%d of %d readings fit %s: %.6g would be %.6g, near the %.6g that %s',
           fitting.readings, present.readings, unit, shown, taken, middle, whose
       ) AS evidence
FROM fitting
JOIN present USING (stream, sensor_id)
WHERE fitting.readings >= least(5, present.readings)
QUALIFY row_number() OVER (PARTITION BY stream, sensor_id ORDER BY rank, fitting.readings DESC, unit) = 1
