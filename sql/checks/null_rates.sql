-- Fields and sensors of the last full hour and this one, the worst first; fewer than 20 readings say nothing. A field
-- that no sensor of the stream has ever sent is none of its fields, and nobody left it out.
WITH sent AS (
    SELECT DISTINCT stream, field FROM null_rates
    WHERE sensor_id = '(all)' AND location = '(all)' AND nulls < readings
)
SELECT stream, sensor_id, field, location, max_by(readings, rate) AS readings, max_by(nulls, rate) AS nulls,
       max(rate) AS rate
FROM null_rates SEMI JOIN sent USING (stream, field)
WHERE hour >= $last_hour AND hour <= $now AND sensor_id <> '(all)' AND readings >= 20
GROUP BY ALL
ORDER BY rate DESC, nulls DESC, stream, sensor_id, field
