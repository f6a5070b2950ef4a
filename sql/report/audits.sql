-- The newest audit of each stream up to the end of the period.
SELECT stream, taken_at, raw, valid, repaired, dead, duplicates, in_flight, loaded_valid, loaded_dead, unaccounted,
       json_array_length(findings)::BIGINT AS findings, coalesce(findings ->> '$[0].text', '') AS first_finding
FROM ledger_audit
WHERE taken_at < $until AND list_contains($streams, stream)
QUALIFY row_number() OVER (PARTITION BY stream ORDER BY taken_at DESC) = 1
ORDER BY stream
