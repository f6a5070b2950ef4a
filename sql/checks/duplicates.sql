-- Message ids that stand more than once among a stream's readings within its deduplication window; ten of each stream.
WITH windows AS (
    SELECT unnest($windows, recursive := true)
),
repeated AS (
    SELECT readings.stream, message_id, count(*) AS times
    FROM readings
    JOIN windows USING (stream)
    WHERE accepted_at > $earliest AND accepted_at > windows.since
    GROUP BY ALL
    HAVING count(*) > 1
)
SELECT stream, message_id::VARCHAR AS message_id, times, count(*) OVER (PARTITION BY stream) AS ids
FROM repeated
QUALIFY row_number() OVER (PARTITION BY stream ORDER BY times DESC, message_id) <= 10
ORDER BY times DESC, stream, message_id
