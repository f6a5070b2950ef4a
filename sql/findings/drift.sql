-- A median that wanders by more than its type allows, by itself: within hours (medians of twelve readings that move
-- steadily in one direction), or over days (the last 24 hours against the days before, without a jump between hours).
-- What others of its type do as well is the weather; where there are none, the sensor's own past is the measure: one
-- whose values have gone up and down as far before does so by nature.
WITH blocks AS (
    SELECT stream, sensor_id, sensor_type, (nth - 1) // 12 AS block, median(value) AS middle, min(generated_at) AS from_at,
           max(generated_at) AS to_at, bool_or(in_hour) AS in_hour, count(*) AS readings
    FROM recent
    SEMI JOIN (SELECT * FROM kinds WHERE drift IS NOT NULL) AS judged USING (stream, sensor_type)
    GROUP BY ALL
    HAVING count(*) >= 6
),
moves AS (
    SELECT *, sign(middle - lag(middle) OVER by_time) AS direction
    FROM blocks
    WINDOW by_time AS (PARTITION BY stream, sensor_id ORDER BY block)
),
turned AS (
    SELECT *, direction IS DISTINCT FROM lag(direction) OVER (PARTITION BY stream, sensor_id ORDER BY block) AS turns
    FROM moves
),
ramps AS (
    -- The block before the first that moves in a direction is where the ramp begins.
    SELECT stream, sensor_id, sensor_type, ramp, direction, count(*) AS steps, min(from_at) AS from_at,
           max(to_at) AS to_at, sum(readings)::BIGINT AS readings, arg_min(start, block) AS start,
           arg_max(middle, block) AS finish
    FROM (
        SELECT *, lag(middle) OVER by_time AS start, sum(turns::INTEGER) OVER by_time AS ramp
        FROM turned
        WINDOW by_time AS (PARTITION BY stream, sensor_id ORDER BY block)
    )
    WHERE direction <> 0
    GROUP BY ALL
    HAVING count(*) >= 6 AND bool_or(in_hour)
       -- Steadily: one step that is half of the way is a jump.
       AND max(abs(middle - start)) < abs(arg_max(middle, block) - arg_min(start, block)) / 2
),
steep AS (
    SELECT ramps.*, drift
    FROM ramps
    JOIN kinds USING (stream, sensor_type)
    WHERE abs(finish - start) >= drift
    QUALIFY row_number() OVER (PARTITION BY stream, sensor_id ORDER BY abs(finish - start) DESC, ramp) = 1
),
-- What the others did from the begin of the ramp to its end.
beside AS (
    SELECT stream, sensor_id, count(*) AS sensors, median(moved) AS moved
    FROM (
        SELECT steep.stream, steep.sensor_id, blocks.sensor_id AS other,
               arg_max(middle, block) - arg_min(middle, block) AS moved
        FROM steep
        JOIN blocks ON blocks.stream = steep.stream AND blocks.sensor_type = steep.sensor_type
            AND blocks.sensor_id <> steep.sensor_id
            AND blocks.to_at >= steep.from_at AND blocks.from_at <= steep.to_at
        GROUP BY ALL
    )
    GROUP BY ALL
),
swings AS (
    SELECT stream, sensor_id, count(*) AS hours, max(high - low) AS widest
    FROM past
    SEMI JOIN steep USING (stream, sensor_id)
    GROUP BY ALL
),
within_hours AS (
    SELECT steep.stream, steep.sensor_id, from_at, to_at, readings, finish AS value,
           start + if(sensors >= 2, moved, 0) AS expected, drift, start,
           if(sensors >= 2, printf('%d others of its type moved by %.6g', sensors, moved),
              printf('in the %d hours before it moved by %.6g at most', hours, widest)) AS beside
    FROM steep
    LEFT JOIN beside USING (stream, sensor_id)
    LEFT JOIN swings USING (stream, sensor_id)
    WHERE sensors >= 2 OR (hours >= 24 AND widest < drift)
),
week AS (
    SELECT stream, sensor_id, sensor_type, hour, median, first_at, last_at, readings, hour > $from - INTERVAL 24 HOUR AS is_now,
           median - lag(median) OVER (PARTITION BY stream, sensor_id ORDER BY hour) AS jump
    FROM (FROM past UNION ALL FROM present)
    SEMI JOIN (SELECT * FROM kinds WHERE drift IS NOT NULL) AS judged USING (stream, sensor_type)
),
shifts AS (
    SELECT stream, sensor_id, arg_max(sensor_type, hour) AS sensor_type,
           median(median) FILTER (NOT is_now) AS start, median(median) FILTER (is_now) AS finish,
           max(abs(jump)) AS largest_jump,
           min(first_at) FILTER (is_now) AS from_at, max(last_at) AS to_at,
           (sum(readings) FILTER (is_now))::BIGINT AS readings
    FROM week
    GROUP BY ALL
    HAVING count(*) FILTER (NOT is_now) >= 48 AND count(*) FILTER (is_now) >= 12
),
shifts_beside AS (
    SELECT shifts.stream, shifts.sensor_id, count(*) AS sensors, median(other.finish - other.start) AS moved
    FROM (
        SELECT shifts.* FROM shifts JOIN kinds USING (stream, sensor_type) WHERE abs(finish - start) >= drift
    ) AS shifts
    JOIN shifts AS other ON other.stream = shifts.stream AND other.sensor_type = shifts.sensor_type
        AND other.sensor_id <> shifts.sensor_id
    GROUP BY ALL
),
over_days AS (
    SELECT shifts.stream, shifts.sensor_id, from_at, to_at, readings, finish AS value,
           start + if(sensors >= 2, moved, 0) AS expected, drift, start,
           if(sensors >= 2, printf('%d others of its type moved by %.6g', sensors, moved),
              'in the last 24 hours, against the days before') AS beside
    FROM shifts
    JOIN kinds USING (stream, sensor_type)
    LEFT JOIN shifts_beside USING (stream, sensor_id)
    WHERE abs(finish - start) >= drift AND largest_jump < abs(finish - start) / 2
)
SELECT stream, sensor_id, 'value' AS field, 'drift' AS rule, from_at, to_at, NULL::TIMESTAMPTZ[] AS moments, readings,
       value, expected, abs(value - expected) / drift AS excess,
       printf('its median moved steadily from %.6g to %.6g; %s', start, value, beside) AS evidence
FROM (FROM within_hours UNION ALL BY NAME FROM over_days)
WHERE abs(value - expected) >= drift
QUALIFY row_number() OVER (PARTITION BY stream, sensor_id ORDER BY abs(value - expected) DESC, from_at) = 1
