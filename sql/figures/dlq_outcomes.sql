-- Dead letters of the last 30 days by what became of them; one with several reasons counts under each.
SELECT coalesce(sum(dead_letters) FILTER (status = 'untouched'), 0)::BIGINT AS untouched,
       coalesce(sum(dead_letters) FILTER (status = 'in flight'), 0)::BIGINT AS in_flight,
       coalesce(sum(dead_letters) FILTER (status = 'fixed'), 0)::BIGINT AS fixed,
       coalesce(sum(dead_letters) FILTER (status IN ('dead again', 'unrecoverable', 'parked')), 0)::BIGINT AS not_mended
FROM dlq_outcomes
