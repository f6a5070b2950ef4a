-- Each stream, and all together (stream ''), in this period and in those it is compared with; nothing where there was
-- no record. Of sensors' days, so that a sensor of several days counts once.
WITH periods AS (
    SELECT unnest($periods, recursive := true)
),
sums AS (
    SELECT period, if(grouping(stream) = 1, '', stream) AS stream,
           count(DISTINCT (quality_trends.stream, name)) FILTER (name <> '(none)') AS sensors,
           sum(valid)::BIGINT AS valid, sum(repaired)::BIGINT AS repaired, sum(dead)::BIGINT AS dead,
           sum(duplicates)::BIGINT AS duplicates, sum(nulls)::BIGINT AS nulls
    FROM quality_trends
    JOIN periods ON day >= first_day AND day <= last_day
    WHERE scope = 'sensor' AND list_contains($streams, quality_trends.stream)
    GROUP BY GROUPING SETS ((period), (period, stream))
)
SELECT *, coalesce(dead / nullif(valid + dead, 0), 0) AS share_dead,
       coalesce(nulls / nullif(4 * valid, 0), 0) AS share_null,
       coalesce(duplicates / nullif(valid + duplicates, 0), 0) AS share_duplicate,
       quality_score(valid, dead, nulls, duplicates) AS score
FROM sums
ORDER BY period, stream
