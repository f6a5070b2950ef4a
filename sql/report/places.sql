-- Locations below 100 points, the worst first, with the score of the period before; `total` counts all locations.
WITH sums AS (
    SELECT stream, name AS location, if(day >= $first_day, 'this', 'before') AS period,
           sum(valid)::BIGINT AS valid, sum(dead)::BIGINT AS dead, sum(duplicates)::BIGINT AS duplicates,
           sum(nulls)::BIGINT AS nulls
    FROM quality_trends
    WHERE scope = 'location' AND list_contains($streams, stream) AND day >= $before_first_day AND day <= $last_day
    GROUP BY ALL
),
scored AS (
    SELECT *, coalesce(dead / nullif(valid + dead, 0), 0) AS share_dead,
           coalesce(nulls / nullif(4 * valid, 0), 0) AS share_null,
           coalesce(duplicates / nullif(valid + duplicates, 0), 0) AS share_duplicate,
           quality_score(valid, dead, nulls, duplicates) AS score
    FROM sums
),
heads AS (
    SELECT stream, location, count(DISTINCT name) AS sensors
    FROM quality_trends
    WHERE scope = 'sensor' AND list_contains($streams, stream) AND day >= $first_day AND day <= $last_day
    GROUP BY ALL
)
SELECT scored.stream, scored.location, coalesce(heads.sensors, 0) AS sensors, scored.valid + scored.dead AS records,
       scored.share_dead, scored.share_null, scored.score, was.score AS score_before,
       (SELECT count(*) FROM scored WHERE period = 'this') AS total
FROM scored
LEFT JOIN heads USING (stream, location)
LEFT JOIN scored AS was ON was.period = 'before' AND was.stream = scored.stream AND was.location = scored.location
WHERE scored.period = 'this' AND scored.score < 100
ORDER BY scored.score, scored.dead DESC, scored.stream, scored.location
LIMIT $rows
