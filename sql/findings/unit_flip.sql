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
-- Once a type, with the sensor itself among them: of three or more, one does not move a median.
types AS (
    SELECT stream, sensor_type, median(median) AS middle,
           greatest(
               1.4826 * mad(median), median((high - low) / 2), 0.01 * abs(median(median))
           ) AS spread, count(*) - 1 AS sensors
    FROM present
    SEMI JOIN lines USING (stream, sensor_type)
    GROUP BY ALL
    HAVING count(*) >= 3
),
others AS (
    SELECT stream, sensor_id, middle, spread, sensors
    FROM present JOIN types USING (stream, sensor_type)
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
