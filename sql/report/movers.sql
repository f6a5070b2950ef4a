-- Sensors whose score fell or rose by 10 points or more against the period before, the largest change first.
WITH scores AS (
    SELECT stream, name AS sensor_id, arg_max(location, day) AS location,
           sum(valid) FILTER (day >= $first_day) AS valid, sum(dead) FILTER (day >= $first_day) AS dead,
           sum(duplicates) FILTER (day >= $first_day) AS duplicates, sum(nulls) FILTER (day >= $first_day) AS nulls,
           sum(valid) FILTER (day < $first_day) AS valid_before, sum(dead) FILTER (day < $first_day) AS dead_before,
           sum(duplicates) FILTER (day < $first_day) AS duplicates_before,
           sum(nulls) FILTER (day < $first_day) AS nulls_before
    FROM quality_trends
    WHERE scope = 'sensor' AND name <> '(none)' AND list_contains($streams, stream)
      AND day >= $before_first_day AND day <= $last_day
    GROUP BY ALL
    HAVING valid IS NOT NULL AND valid_before IS NOT NULL
),
scored AS (
    SELECT stream, sensor_id, location,
           quality_score(valid, dead, nulls, duplicates) AS score,
           quality_score(valid_before, dead_before, nulls_before, duplicates_before) AS score_before
    FROM scores
)
SELECT *, count(*) FILTER (score < score_before) OVER () AS fell, count(*) FILTER (score > score_before) OVER () AS rose
FROM scored
WHERE abs(score - score_before) >= 10
QUALIFY row_number() OVER (ORDER BY score - score_before, stream, sensor_id) <= 5
     OR row_number() OVER (ORDER BY score_before - score, stream, sensor_id) <= 5
ORDER BY score - score_before, stream, sensor_id
