-- A record that was sent again, was judged, and is neither valid nor dead is a duplicate. The ledger may be loaded a
-- moment before the outputs of the same transaction: so this is said only where the tables hold all that the ledger
-- says went there, or when the ledger has had an hour's end and a minute to settle.
INSERT INTO redriven
SELECT sent.* REPLACE ('duplicate' AS outcome, $now AS known_at)
FROM redriven sent
WHERE sent.stream = $stream AND sent.outcome = 'sent'
  AND NOT EXISTS (
      SELECT 1 FROM redriven known
      WHERE known.stream = sent.stream AND known.outcome <> 'sent'
        AND known.source_partition = sent.source_partition AND known.source_offset = sent.source_offset
  )
  AND EXISTS (
      SELECT 1 FROM ledger
      WHERE ledger.stream = sent.stream AND ledger.partition = sent.partition
        AND sent.kafka_offset BETWEEN ledger.first_offset AND ledger.last_offset
        AND (
            ledger.last_at < $now - INTERVAL 1 MINUTE
            OR sent.partition IN (
                SELECT partition
                FROM (SELECT partition, sum(valid) AS valid, sum(dead) AS dead FROM ledger WHERE stream = $stream GROUP BY 1)
                LEFT JOIN (
                    SELECT partition, sum(row_count) FILTER (table_name = 'readings') AS readings,
                           sum(row_count) FILTER (table_name = 'dead_letters') AS dead_letters
                    FROM load_ranges WHERE stream = $stream GROUP BY 1
                ) USING (partition)
                WHERE valid <= coalesce(readings, 0) AND dead <= coalesce(dead_letters, 0)
            )
        )
  )
