-- Sensors that score below $bad, the worst first, with the score of the period before; `total` counts them all.
WITH sums AS (
    SELECT stream, name AS sensor_id, if(day >= $first_day, 'this', 'before') AS period,
           arg_max(sensor_type, day) AS sensor_type, arg_max(location, day) AS location,
           sum(valid)::BIGINT AS valid, sum(dead)::BIGINT AS dead, sum(duplicates)::BIGINT AS duplicates,
           sum(nulls)::BIGINT AS nulls
    FROM quality_trends
    WHERE scope = 'sensor' AND list_contains($streams, stream) AND day >= $before_first_day AND day <= $last_day
    GROUP BY ALL
),
scored AS (
    SELECT *, coalesce(dead / nullif(valid + dead, 0), 0) AS share_dead,
           coalesce(nulls / nullif(4 * valid, 0), 0) AS share_null,
           coalesce(duplicates / nullif(valid + duplicates, 0), 0) AS share_duplicate,
           quality_score(valid, dead, nulls, duplicates) AS score
    FROM sums
)
SELECT scored.stream, scored.sensor_id, scored.sensor_type, scored.location, scored.valid, scored.dead,
       scored.duplicates, scored.share_dead, scored.share_null, scored.share_duplicate, scored.score,
       was.score AS score_before, count(*) OVER () AS total
FROM scored
LEFT JOIN scored AS was ON was.period = 'before' AND was.stream = scored.stream AND was.sensor_id = scored.sensor_id
WHERE scored.period = 'this' AND scored.score < $bad
ORDER BY scored.score, scored.dead DESC, scored.stream, scored.sensor_id
LIMIT $rows
