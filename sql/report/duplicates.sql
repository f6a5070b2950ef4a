-- Repeats that the validator dropped, by stream, in this period and the one before.
SELECT stream, coalesce(sum(duplicates) FILTER (hour >= $start), 0)::BIGINT AS duplicates,
       coalesce(sum(valid) FILTER (hour >= $start), 0)::BIGINT AS valid,
       coalesce(sum(duplicates) FILTER (hour >= $start)
                / nullif(sum(valid + duplicates) FILTER (hour >= $start), 0), 0) AS rate,
       sum(duplicates) FILTER (hour < $before_end)
       / nullif(sum(valid + duplicates) FILTER (hour < $before_end), 0) AS rate_before
FROM duplicate_rates
WHERE sensor_id = '(all)' AND list_contains($streams, stream)
  AND (hour >= $start AND hour < $until OR hour >= $before_start AND hour < $before_end)
GROUP BY stream
ORDER BY stream
