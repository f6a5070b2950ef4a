-- Repeats that the validator dropped, by the hour in which it did (the ledger's), against the valid readings accepted
-- in that hour: sensors with any, and in every hour the stream as a whole.
WITH dropped AS (
    SELECT stream, hour, repeat.key AS sensor_id, sum(repeat.value)::BIGINT AS duplicates
    FROM (
        SELECT stream, time_bucket(INTERVAL 1 HOUR, first_at) AS hour,
               unnest(map_entries(duplicates_by_sensor::MAP(VARCHAR, BIGINT))) AS repeat
        FROM ledger
        WHERE first_at >= $from AND first_at < $to AND duplicates > 0
    )
    GROUP BY ALL
),
valid AS (
    SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, sensor_id, count(*) AS valid
    FROM readings
    WHERE accepted_at >= $from AND accepted_at < $to
    GROUP BY ALL
),
each_sensor AS (
    SELECT stream, hour, sensor_id, coalesce(duplicates, 0) AS duplicates, coalesce(valid, 0) AS valid
    FROM dropped
    FULL JOIN valid USING (stream, hour, sensor_id)
)
SELECT stream, hour, if(grouping(sensor_id) = 1, '(all)', sensor_id) AS sensor_id,
       sum(duplicates)::BIGINT AS duplicates, sum(valid)::BIGINT AS valid,
       sum(duplicates) / sum(valid + duplicates) AS rate
FROM each_sensor
GROUP BY GROUPING SETS ((stream, hour, sensor_id), (stream, hour))
HAVING sum(duplicates) > 0 OR grouping(sensor_id) = 1
