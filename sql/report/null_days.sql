-- Days on which each of $sensors left out the field in $null_warn of its readings or more of an hour in which it left out
-- any. Of these sensors alone: what others did before says nothing of when it began here.
SELECT DISTINCT stream, sensor_id, field, day
FROM (
    SELECT stream, hour::DATE AS day, sensor_id, field, sum(nulls) / sum(readings) AS rate
    FROM null_rates
    WHERE hour >= $reach AND hour < $until AND sensor_id <> '(all)'
    GROUP BY ALL
)
SEMI JOIN (SELECT unnest($sensors, recursive := true)) AS wanted USING (stream, sensor_id, field)
WHERE rate >= $null_warn
ORDER BY ALL
