-- Of all that a stream's sensors sent in the last full hour and this one, the repeats: by stream, who repeats most.
-- Fewer than 100 records say nothing.
WITH streams AS (
    SELECT stream, sum(duplicates)::BIGINT AS duplicates, sum(valid + duplicates)::BIGINT AS records
    FROM duplicate_rates
    WHERE hour >= $last_hour AND hour <= $now AND sensor_id = '(all)'
    GROUP BY stream
),
who AS (
    SELECT stream, list(sensor_id ORDER BY duplicates DESC, sensor_id)[:10] AS sensors
    FROM duplicate_rates
    WHERE hour >= $last_hour AND hour <= $now AND sensor_id <> '(all)' AND duplicates > 0
    GROUP BY stream
)
SELECT stream, duplicates, records, duplicates / records AS share, sensors
FROM streams LEFT JOIN who USING (stream)
WHERE records >= 100
ORDER BY share DESC, stream
