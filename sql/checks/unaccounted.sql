-- The newest audit of each stream.
SELECT stream, taken_at, raw, in_flight, unaccounted, json_array_length(findings) AS findings,
       coalesce(findings ->> '$[0].text', '') AS first_finding
FROM ledger_audit
QUALIFY row_number() OVER (PARTITION BY stream ORDER BY taken_at DESC) = 1
ORDER BY abs(unaccounted) DESC, findings DESC, stream
