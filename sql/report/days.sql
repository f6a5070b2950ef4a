-- How it went, day by day, all streams together.
WITH sums AS (
    SELECT day, sum(valid)::BIGINT AS valid, sum(dead)::BIGINT AS dead, sum(duplicates)::BIGINT AS duplicates,
           sum(nulls)::BIGINT AS nulls
    FROM quality_trends
    WHERE scope = 'stream' AND list_contains($streams, stream) AND day >= $reach::DATE AND day <= $last_day
    GROUP BY day
),
shares AS (
    SELECT day, valid + dead AS records, dead, coalesce(dead / nullif(valid + dead, 0), 0) AS share_dead,
           coalesce(nulls / nullif(4 * valid, 0), 0) AS share_null,
           coalesce(duplicates / nullif(valid + duplicates, 0), 0) AS share_duplicate
    FROM sums
)
SELECT day, records, dead, share_dead,
       round(100 * (1 - share_dead) * (1 - share_null / 2) * (1 - share_duplicate / 2), 1) AS score
FROM shares
ORDER BY day
