-- Records that were to be sent again and of which nothing is known since.
SELECT redrives.redrive_id, redrives.patch, redrives.patch_text, redrives.raw_ends::VARCHAR AS raw_ends,
       decided.source_partition, decided.source_offset
FROM dlq_decisions decided
JOIN redrives USING (redrive_id)
WHERE decided.stream = $stream AND decided.decision = 'redrive'
  AND NOT EXISTS (
      SELECT 1 FROM redriven
      WHERE redriven.redrive_id = decided.redrive_id
        AND redriven.source_partition = decided.source_partition AND redriven.source_offset = decided.source_offset
  )
ORDER BY redrives.began_at, redrive_id, source_partition, source_offset
