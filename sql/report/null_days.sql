-- Days on which a sensor left out a field in $null_warn of the readings or more of an hour in which it left out any.
SELECT DISTINCT stream, day
FROM (
    SELECT stream, hour::DATE AS day, sensor_id, field, sum(nulls) / sum(readings) AS rate
    FROM null_rates
    WHERE hour >= $reach AND hour < $until AND sensor_id <> '(all)' AND list_contains($policy_fields, field)
      AND list_contains($streams, stream)
    GROUP BY ALL
)
WHERE rate >= $null_warn
ORDER BY stream, day
