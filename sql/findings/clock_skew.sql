-- A clock that is off: generated_at against accepted_at, by the median of the hour. A sensor whose delays vary sends
-- late (it collects readings, its network is poor), and that is no clock; where the others are as late, it is the way
-- there, or the platform's own clock.
WITH delays AS (
    SELECT stream, sensor_id, sensor_type, readings, delay_seconds, delay_spread_seconds, first_at, last_at,
           median(delay_seconds) OVER (PARTITION BY stream) AS usual_seconds
    FROM present
)
SELECT stream, sensor_id, 'generated_at' AS field, 'clock_skew' AS rule, first_at AS from_at, last_at AS to_at,
       NULL::TIMESTAMPTZ[] AS moments, readings, delay_seconds AS value, usual_seconds AS expected,
       abs(delay_seconds - usual_seconds) / skew_seconds AS excess,
       printf(
           'its clock is %.0f s %s the platform''s (median of %d readings); the stream''s median delay is %.1f s',
           abs(delay_seconds), if(delay_seconds > 0, 'behind', 'ahead of'), readings, usual_seconds
       ) AS evidence
FROM delays
JOIN kinds USING (stream, sensor_type)
WHERE abs(delay_seconds) >= skew_seconds AND abs(delay_seconds - usual_seconds) >= skew_seconds
  AND 4 * delay_spread_seconds <= abs(delay_seconds)
  AND readings >= 3
