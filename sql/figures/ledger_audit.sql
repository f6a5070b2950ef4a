-- Of the newest audit of each stream, summed.
SELECT coalesce(sum(abs(unaccounted)), 0)::BIGINT AS unaccounted, coalesce(sum(in_flight), 0)::BIGINT AS in_flight,
       coalesce(sum(raw), 0)::BIGINT AS raw, coalesce(sum(duplicates), 0)::BIGINT AS duplicates
FROM (FROM ledger_audit QUALIFY row_number() OVER (PARTITION BY stream ORDER BY taken_at DESC) = 1)
