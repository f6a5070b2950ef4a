-- Sensors that behaved oddly in the period though their readings were valid, a rule a row, the worst first; `total` counts
-- the sensors. Excess and evidence are those of the worst hour.
WITH each AS (
    SELECT stream, sensor_id, rule, arg_max(sensor_type, hour) AS sensor_type, arg_max(location, hour) AS location,
           count(*) AS hours, min(from_at) AS since, max(excess) AS excess, arg_max(evidence, (excess, hour)) AS evidence
    FROM sensor_findings
    WHERE list_contains($streams, stream) AND hour >= $start AND hour < $until
    GROUP BY stream, sensor_id, rule
)
SELECT *, (SELECT count(*) FROM (SELECT DISTINCT stream, sensor_id FROM each)) AS total
FROM each
ORDER BY excess DESC, stream, sensor_id, rule
LIMIT $rows
