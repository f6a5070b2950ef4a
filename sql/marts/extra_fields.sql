-- Fields beyond the contract that valid readings had (column `extra`), by hour, name and JSON type: who changes what it
-- sends shows here. Names are the sender's own, so only the 100 most frequent of a stream and hour are named.
WITH fields AS (
    SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, sensor_id, left(one.key, 100) AS field,
           CASE one.type
               WHEN 'VARCHAR' THEN 'string'
               WHEN 'BOOLEAN' THEN 'boolean'
               WHEN 'OBJECT' THEN 'object'
               WHEN 'ARRAY' THEN 'array'
               WHEN 'NULL' THEN 'null'
               ELSE 'number'
           END AS json_type
    FROM readings, json_each(readings.extra) AS one
    WHERE accepted_at >= $from AND accepted_at < $to AND extra IS NOT NULL
),
named AS (
    SELECT stream, hour, field, count(*) AS times
    FROM fields
    GROUP BY stream, hour, field
    QUALIFY row_number() OVER (PARTITION BY stream, hour ORDER BY times DESC, field) <= 100
)
SELECT fields.stream, fields.hour, coalesce(named.field, '(others)') AS field,
       if(named.field IS NULL, 'any', json_type) AS json_type, count(*) AS readings,
       count(DISTINCT sensor_id) AS sensors
FROM fields
LEFT JOIN named ON named.stream = fields.stream AND named.hour = fields.hour AND named.field = fields.field
GROUP BY ALL
