-- Dead letters by reason and hour, from the days looked back at.
WITH each_code AS (
    SELECT stream, unnest(codes) AS code, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour
    FROM dead_letters
    WHERE accepted_at >= $reach AND accepted_at < $until AND list_contains($streams, stream)
)
SELECT stream, code, hour, count(*) AS records
FROM each_code
GROUP BY ALL
ORDER BY stream, code, hour
