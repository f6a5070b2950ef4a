-- Rows of the period that quality_trends does not count yet, by stream: loads outrun the marts, or nobody builds them.
-- Rows younger than $settled are on their way. What the marts have beyond the rows was removed by retention.
WITH found AS (
    SELECT stream, accepted_at::DATE AS day, count(*) AS records
    FROM (SELECT stream, accepted_at FROM readings UNION ALL SELECT stream, accepted_at FROM dead_letters)
    WHERE accepted_at >= $start AND accepted_at < $settled
    GROUP BY ALL
),
built AS (
    SELECT stream, day, valid + dead AS records
    FROM quality_trends
    WHERE scope = 'stream' AND day >= $first_day AND day <= $last_day
)
SELECT stream, sum(found.records - coalesce(built.records, 0))::BIGINT AS records, min(found.day) AS since
FROM found LEFT JOIN built USING (stream, day)
WHERE found.records > coalesce(built.records, 0)
GROUP BY stream
ORDER BY records DESC, stream
