-- Why records are dead, with one example each. A record with several reasons counts under each.
WITH each_reason AS (
    SELECT stream, sensor_id, accepted_at, (partition, kafka_offset) AS place, unnest(from_json(reasons, '["JSON"]')) AS reason
    FROM dead_letters
)
SELECT stream, reason ->> 'code' AS reason, count(DISTINCT place) AS dead_letters,
       count(DISTINCT sensor_id) AS sensors,
       max(accepted_at) AS latest, any_value(reason ->> 'detail') AS example
FROM each_reason
GROUP BY ALL
ORDER BY dead_letters DESC;
