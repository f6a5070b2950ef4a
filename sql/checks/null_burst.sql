-- Fields that several sensors of a stream have begun to leave out, by the newest minute of the stream's own time. A
-- sensor counts from 5 readings on; one that left out a field in one of five of them is affected. What affected sensors
-- share with whom (`shares`) tells a gateway from a release of firmware.
WITH newest AS (
    SELECT stream, max(accepted_at) - INTERVAL 1 MINUTE AS since
    FROM readings
    WHERE accepted_at > $now - INTERVAL 15 MINUTE AND accepted_at <= $now
    GROUP BY stream
),
recent AS (
    SELECT stream, sensor_id, accepted_at, location, sensor_type, schema_version, partition, kafka_offset,
           [
               if(list_contains(repaired, 'unit'), 'unit', NULL),
               if(location IS NULL OR location_filled, 'location', NULL),
               if(battery_level IS NULL, 'battery_level', NULL),
               if(signal_strength IS NULL, 'signal_strength', NULL),
               if(list_contains(repaired, 'schema_version'), 'schema_version', NULL)
           ] AS missing
    FROM readings JOIN newest USING (stream)
    WHERE accepted_at > $now - INTERVAL 15 MINUTE AND accepted_at <= $now AND accepted_at > since
    UNION ALL
    SELECT stream, sensor_id, accepted_at, NULL, NULL, NULL, partition, kafka_offset,
           list_transform(
               list_filter(from_json(reasons, '[{"code": "VARCHAR", "field": "VARCHAR"}]'),
                           lambda reason: reason.code = 'null_critical'),
               lambda reason: reason.field)
    FROM dead_letters JOIN newest USING (stream)
    WHERE accepted_at > $now - INTERVAL 15 MINUTE AND accepted_at <= $now AND accepted_at > since
      AND sensor_id IS NOT NULL AND list_contains(codes, 'null_critical')
),
sensors AS (
    SELECT stream, sensor_id, count(*) AS readings,
           coalesce(arg_max(location, (accepted_at, partition, kafka_offset)), '(unknown)') AS location,
           coalesce(arg_max(sensor_type, (accepted_at, partition, kafka_offset)), '(unknown)') AS sensor_type,
           coalesce(arg_max(schema_version, (accepted_at, partition, kafka_offset))::VARCHAR, '(unknown)') AS version,
           flatten(list(missing)) AS missing
    FROM recent
    GROUP BY stream, sensor_id
    HAVING count(*) >= 5
),
fields AS (
    SELECT DISTINCT stream, unnest(missing) AS field FROM sensors
),
judged AS (
    SELECT stream, field, sensor_id, location, sensor_type, version, readings,
           len(list_filter(missing, lambda one: one = field)) AS nulls, nulls / readings >= 0.2 AS affected
    FROM sensors JOIN fields USING (stream)
    WHERE field IS NOT NULL
),
-- A field that no sensor of the stream sends is none of its fields.
sent_fields AS (
    SELECT stream, field, count(*) AS sensors, count(*) FILTER (affected) AS affected,
           (sum(nulls) FILTER (affected))::BIGINT AS nulls, (sum(readings) FILTER (affected))::BIGINT AS readings,
           (list({sensor_id: sensor_id, location: location, version: version, nulls: nulls, readings: readings}
                ORDER BY nulls / readings DESC, sensor_id) FILTER (affected))[:200] AS worst
    FROM judged
    GROUP BY stream, field
    HAVING count(*) FILTER (affected) > 0 AND sum(nulls) < sum(readings)
),
marks AS (
    SELECT stream, field, affected,
           unnest([{attribute: 'location', "value": location}, {attribute: 'sensor type', "value": sensor_type},
                   {attribute: 'schema version', "value": version}]) AS mark
    FROM judged
),
shares AS (
    SELECT stream, field, mark.attribute AS attribute, mark."value" AS value,
           count(*) FILTER (affected) AS affected, count(*) AS sensors
    FROM marks
    GROUP BY ALL
    HAVING count(*) FILTER (affected) > 0
)
SELECT stream, field, sensors, affected, affected / sensors AS share, nulls, readings, worst,
       (SELECT list({attribute: attribute, "value": value, affected: shares.affected, sensors: shares.sensors}
                    ORDER BY shares.affected DESC, shares.sensors, attribute, value)[:100]
        FROM shares WHERE shares.stream = sent_fields.stream AND shares.field = sent_fields.field) AS shares
FROM sent_fields
ORDER BY share DESC, affected DESC, stream, field
