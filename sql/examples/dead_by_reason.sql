-- Why records are dead, with one example each. A record with several reasons counts under each.
SELECT stream, unnest(codes) AS reason, count(*) AS dead_letters, count(DISTINCT sensor_id) AS sensors,
       max(accepted_at) AS latest, any_value(reasons ->> '$[0].detail') AS example
FROM dead_letters
GROUP BY ALL
ORDER BY dead_letters DESC;
