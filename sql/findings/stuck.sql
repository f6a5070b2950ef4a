-- The same value for longer than its type allows, where the sensor's own past, or else most others of its type, vary.
-- Longer also than three times any run before it: a sensor that shows half degrees stays at one for long by nature, and
-- one that never changed among others that never change is a constant. A value at which a type rests is none either.
-- Of a sensor without a past nobody knows how finely it measures: 20.5 may be one of half degrees, so the others must have
-- moved by more than two such steps.
WITH runs AS (
    SELECT stream, sensor_id, sensor_type, value, min(generated_at) AS from_at, max(generated_at) AS to_at, count(*) AS length,
           count(*) FILTER (in_hour) AS length_in_hour, min(nth) AS first_nth
    FROM (
        SELECT *, sum((step IS DISTINCT FROM 0)::INTEGER) OVER (PARTITION BY stream, sensor_id ORDER BY nth) AS run
        FROM recent
    )
    GROUP BY stream, sensor_id, sensor_type, run, value
),
longest AS (
    SELECT *
    FROM runs
    WHERE length_in_hour > 0
    QUALIFY row_number() OVER (PARTITION BY stream, sensor_id ORDER BY length DESC, first_nth DESC) = 1
),
-- The newest hour before this one in which the sensor had another value.
other AS (
    SELECT longest.stream, longest.sensor_id, max(hour) FILTER (minimum <> value OR maximum <> value) AS hour
    FROM longest
    LEFT JOIN past USING (stream, sensor_id)
    GROUP BY ALL
),
-- A run that fills all that was looked at began in the hours after that one.
longer AS (
    SELECT past.stream, past.sensor_id, min(first_at) AS from_at, sum(readings) AS readings
    FROM past
    JOIN other ON other.stream = past.stream AND other.sensor_id = past.sensor_id
    WHERE other.hour IS NULL OR past.hour > other.hour
    GROUP BY ALL
),
suspects AS (
    SELECT longest.stream, longest.sensor_id, longest.sensor_type, value, to_at, first_nth,
           least(longest.from_at, longer.from_at) AS from_at,
           greatest(length, if(longer.readings IS NULL, 0, longer.readings + length_in_hour))::BIGINT AS readings,
           stuck_readings, other.hour AS other_hour,
           list_max([
               step for step in [1e3, 5e2, 1e2, 5e1, 1e1, 5e0, 1e0, 5e-1, 1e-1, 5e-2, 1e-2, 5e-3, 1e-3, 0]
               if step = 0 OR abs(value / step - round(value / step)) < 1e-6
           ]) AS coarsest_step
    FROM longest
    JOIN kinds USING (stream, sensor_type)
    JOIN other USING (stream, sensor_id)
    LEFT JOIN longer ON first_nth = 1 AND longer.stream = longest.stream AND longer.sensor_id = longest.sensor_id
    WHERE stuck_readings IS NOT NULL AND value IS DISTINCT FROM rests_at
      AND greatest(length, coalesce(longer.readings, 0) + length_in_hour) >= stuck_readings
      AND epoch(to_at) - epoch(least(longest.from_at, longer.from_at)) >= stuck_seconds
),
-- Hours of all sensors of these types; of a suspect those before its run, and of the hour in which it began what is not
-- of the run.
hours AS (
    SELECT all_hours.stream, all_hours.sensor_id, all_hours.sensor_type, all_hours.hour, minimum, maximum, low, high,
           if(all_hours.hour = mine.other_hour, all_hours.readings - longest_run, all_hours.readings) AS readings,
           if(all_hours.hour = mine.other_hour, 1, longest_run) AS longest_run
    FROM (FROM past UNION ALL FROM present) AS all_hours
    SEMI JOIN suspects ON suspects.stream = all_hours.stream AND suspects.sensor_type = all_hours.sensor_type
    LEFT JOIN suspects AS mine ON mine.stream = all_hours.stream AND mine.sensor_id = all_hours.sensor_id
    WHERE mine.sensor_id IS NULL OR all_hours.hour <= mine.other_hour
),
-- Hours in a row at one value are one run.
natures AS (
    SELECT stream, sensor_type, sensor_id, max(length) AS longest_run, sum(in_all) AS readings,
           min(minimum) < max(maximum) AS varies, max(highest) - min(lowest) AS moved
    FROM (
        SELECT stream, sensor_type, sensor_id, minimum, maximum, sum(readings) AS in_all,
               min(low) AS lowest, max(high) AS highest,
               if(minimum = maximum, sum(readings), max(longest_run)) AS length
        FROM (
            SELECT *, row_number() OVER (PARTITION BY stream, sensor_id ORDER BY hour)
                      - row_number() OVER (PARTITION BY stream, sensor_id, minimum, maximum ORDER BY hour) AS island
            FROM hours
        )
        GROUP BY stream, sensor_type, sensor_id, minimum, maximum, island
    )
    GROUP BY ALL
),
-- What a suspect showed before its run, in the readings that were looked at.
earlier AS (
    SELECT suspects.stream, suspects.sensor_id, max(length) AS longest_run, sum(length) AS readings
    FROM suspects
    JOIN runs ON runs.stream = suspects.stream AND runs.sensor_id = suspects.sensor_id
        AND runs.first_nth < suspects.first_nth
    GROUP BY ALL
),
own AS (
    SELECT suspects.stream, suspects.sensor_id,
           greatest(coalesce(natures.longest_run, 0), coalesce(earlier.longest_run, 0)) AS longest_run,
           coalesce(natures.readings, 0) + coalesce(earlier.readings, 0) AS readings
    FROM suspects
    LEFT JOIN natures USING (stream, sensor_id)
    LEFT JOIN earlier ON earlier.stream = suspects.stream AND earlier.sensor_id = suspects.sensor_id
),
others AS (
    SELECT suspects.stream, suspects.sensor_id, count(*) AS sensors, count(*) FILTER (varies) AS varying,
           median(moved) FILTER (varies) AS moved,
           median(natures.longest_run) FILTER (varies) AS longest_run
    FROM suspects
    JOIN natures ON natures.stream = suspects.stream AND natures.sensor_type = suspects.sensor_type
        AND natures.sensor_id <> suspects.sensor_id
    GROUP BY ALL
),
judged AS (
    SELECT suspects.*, own.readings >= stuck_readings / 3 AS by_itself, varying, sensors, moved,
           if(by_itself, own.longest_run, others.longest_run) AS longest_before
    FROM suspects
    JOIN own USING (stream, sensor_id)
    LEFT JOIN others USING (stream, sensor_id)
)
SELECT stream, sensor_id, 'value' AS field, 'stuck' AS rule, from_at, to_at, NULL::TIMESTAMPTZ[] AS moments, readings,
       value, value AS expected, readings / greatest(stuck_readings, 3 * longest_before) AS excess,
       printf('%d readings in a row are %.6g', readings, value)
       || if(by_itself,
             printf('; before that the longest run was %d', longest_before::BIGINT),
             printf('; %d of the %d others of its type vary', varying, sensors)) AS evidence
FROM judged
WHERE readings > 3 * longest_before AND (by_itself OR (varying >= 2 AND 2 * varying >= sensors AND moved > 2 * coarsest_step))
