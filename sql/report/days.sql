-- How it went, day by day, all streams together.
WITH sums AS (
    SELECT day, sum(valid)::BIGINT AS valid, sum(dead)::BIGINT AS dead, sum(duplicates)::BIGINT AS duplicates,
           sum(nulls)::BIGINT AS nulls
    FROM quality_trends
    WHERE scope = 'stream' AND list_contains($streams, stream) AND day >= $reach::DATE AND day <= $last_day
    GROUP BY day
)
SELECT day, valid + dead AS records, dead, coalesce(dead / nullif(valid + dead, 0), 0) AS share_dead,
       quality_score(valid, dead, nulls, duplicates) AS score
FROM sums
ORDER BY day
