-- The sensors with the most repeats; `total` counts those with any. '*': beyond those that a ledger entry names.
WITH sensors AS (
    SELECT stream, sensor_id, sum(duplicates)::BIGINT AS duplicates
    FROM duplicate_rates
    WHERE hour >= $start AND hour < $until AND sensor_id <> '(all)' AND list_contains($streams, stream)
    GROUP BY ALL
),
valid AS (
    SELECT stream, sensor_id, sum(valid)::BIGINT AS valid
    FROM sensor_quality
    WHERE hour >= $start AND hour < $until AND list_contains($streams, stream)
    GROUP BY ALL
)
SELECT stream, sensor_id, duplicates, coalesce(valid, 0) AS valid,
       duplicates / (coalesce(valid, 0) + duplicates) AS rate, count(*) OVER () AS total
FROM sensors
LEFT JOIN valid USING (stream, sensor_id)
WHERE duplicates > 0
ORDER BY duplicates DESC, stream, sensor_id
LIMIT 10
