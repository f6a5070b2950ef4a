-- How often each field was null, as it was sent: a location filled in afterwards and a unit filled from the catalogue
-- are nulls. A reading that is dead for a null counts for that field; what other dead records lack is not looked at.
--
-- By sensor, by location and for the stream, in hours in which there was a null; for the stream in every hour, so that
-- a rate of 0 can be told from an hour without readings. `readings` counts all of the sensor, location or stream. Fields
-- that the catalogue calls unused have no rate.
WITH sensors AS (
    SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, sensor_id,
           arg_max(location, (accepted_at, partition, kafka_offset)) AS location,
           count(*) AS readings,
           {
               'unit': count(*) FILTER (list_contains(repaired, 'unit')),
               'location': count(*) FILTER (location IS NULL OR location_filled),
               'battery_level': count(*) FILTER (battery_level IS NULL),
               'signal_strength': count(*) FILTER (signal_strength IS NULL),
               'schema_version': count(*) FILTER (list_contains(repaired, 'schema_version'))
           } AS nulls
    FROM readings
    WHERE accepted_at >= $from AND accepted_at < $to
    GROUP BY ALL
),
fields AS (
    SELECT unnest($fields) AS field
),
unused AS (
    SELECT unnest($unused, recursive := true)
),
dead AS (
    SELECT stream, time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, coalesce(sensor_id, '(none)') AS sensor_id,
           unnest(from_json(reasons, '[{"code": "VARCHAR", "field": "VARCHAR"}]')) AS reason
    FROM dead_letters
    WHERE accepted_at >= $from AND accepted_at < $to AND list_contains(codes, 'null_critical')
),
counted AS (
    SELECT stream, hour, field, sensor_id, readings,
           CASE field
               WHEN 'unit' THEN nulls.unit
               WHEN 'location' THEN nulls.location
               WHEN 'battery_level' THEN nulls.battery_level
               WHEN 'signal_strength' THEN nulls.signal_strength
               WHEN 'schema_version' THEN nulls.schema_version
               ELSE 0
           END AS nulls
    FROM sensors CROSS JOIN fields
    ANTI JOIN unused USING (stream, field)
    UNION ALL
    SELECT stream, hour, reason.field, sensor_id, count(*), count(*)
    FROM dead
    WHERE reason.code = 'null_critical' AND list_contains($fields, reason.field)
    GROUP BY ALL
),
by_sensor AS (
    SELECT stream, hour, field, sensor_id, sum(readings)::BIGINT AS readings, sum(nulls)::BIGINT AS nulls
    FROM counted
    GROUP BY ALL
),
located AS (
    SELECT by_sensor.*, coalesce(sensors.location, '(unknown)') AS location
    FROM by_sensor
    LEFT JOIN sensors USING (stream, hour, sensor_id)
)
SELECT stream, hour, field, if(grouping(sensor_id) = 1, '(all)', sensor_id) AS sensor_id,
       if(grouping(location) = 1, '(all)', location) AS location,
       sum(readings)::BIGINT AS readings, sum(nulls)::BIGINT AS nulls, sum(nulls) / sum(readings) AS rate
FROM located
GROUP BY GROUPING SETS (
    (stream, hour, field, sensor_id, location), (stream, hour, field, location), (stream, hour, field)
)
HAVING sum(nulls) > 0 OR (grouping(sensor_id) = 1 AND grouping(location) = 1)
