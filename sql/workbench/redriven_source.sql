-- The books of the workbench as a source of raw records: what was to be sent again, what of it the raw topic has, and
-- its highest offset by partition.
WITH known AS (
    SELECT redrive_id, source_partition, source_offset, bool_or(outcome <> 'duplicate') AS there,
           max(kafka_offset) FILTER (outcome IN ('sent', 'dead')) AS raw_offset
    FROM redriven
    WHERE stream = $stream
    GROUP BY ALL
),
decided AS (
    SELECT redrive_id, source_partition, source_offset
    FROM dlq_decisions
    WHERE stream = $stream AND decision = 'redrive'
)
SELECT source_partition AS partition,
       -- What is known for a duplicate and is not there was accepted long ago, and never sent.
       count(*) FILTER (coalesce(there, true)) AS born,
       count(*) FILTER (there) AS acknowledged, max(raw_offset) AS highest
FROM decided
LEFT JOIN known USING (redrive_id, source_partition, source_offset)
GROUP BY ALL
