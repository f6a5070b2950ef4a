-- Fields that several sensors of a stream have begun to leave out. Each sensor is judged by its newest readings: those
-- of the newest minute of the stream's own time, and where it sent fewer than ten then, its newest ten of the last 15
-- minutes; from 5 on it counts. One that left out a field in one of five of them is affected. What affected sensors
-- share with whom (`shares`) tells a gateway from a release of firmware.
--
-- A field that no sensor of the stream ever sent is none of its fields: where all leave it out now, null_rates (of 30
-- days) and the last 24 hours say whether it was sent before. A critical field is always one.
WITH dead AS (
    SELECT stream, sensor_id, accepted_at, partition, kafka_offset, value,
           list_transform(
               list_filter(from_json(reasons, '[{"code": "VARCHAR", "field": "VARCHAR"}]'),
                           lambda reason: reason.code = 'null_critical'),
               lambda reason: reason.field) AS missing
    FROM dead_letters
    WHERE accepted_at > $now - INTERVAL 15 MINUTE AND accepted_at <= $now
      AND sensor_id IS NOT NULL AND list_contains(codes, 'null_critical')
),
records AS (
    SELECT stream, sensor_id, accepted_at FROM readings
    WHERE accepted_at > $now - INTERVAL 15 MINUTE AND accepted_at <= $now
    UNION ALL
    SELECT stream, sensor_id, accepted_at FROM dead
),
newest AS (
    SELECT stream, max(accepted_at) - INTERVAL 1 MINUTE AS since
    FROM records
    GROUP BY stream
),
spans AS (
    SELECT stream, sensor_id,
           if(count(*) FILTER (accepted_at > since) >= 10, any_value(since), $now - INTERVAL 15 MINUTE) AS from_at,
           any_value(since) AS since
    FROM records JOIN newest USING (stream)
    GROUP BY stream, sensor_id
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
    FROM readings
    WHERE accepted_at > $now - INTERVAL 15 MINUTE AND accepted_at <= $now
    UNION ALL
    SELECT stream, sensor_id, accepted_at, NULL, NULL, NULL, partition, kafka_offset, missing
    FROM dead
),
judged_by AS (
    SELECT recent.*
    FROM recent JOIN spans USING (stream, sensor_id)
    WHERE accepted_at > from_at
    QUALIFY accepted_at > since OR row_number() OVER (
        PARTITION BY stream, sensor_id ORDER BY accepted_at DESC, partition, kafka_offset DESC
    ) <= 10
),
known AS (
    SELECT stream, sensor_id, count(*) AS readings,
           arg_max(location, (accepted_at, partition, kafka_offset)) AS location,
           arg_max(sensor_type, (accepted_at, partition, kafka_offset)) AS sensor_type,
           arg_max(schema_version, (accepted_at, partition, kafka_offset)) AS version,
           flatten(list(missing)) AS missing
    FROM judged_by
    GROUP BY stream, sensor_id
    HAVING count(*) >= 5
),
-- A sensor whose records are all dead is known by its last location, and by what the newest of them says.
claims AS (
    SELECT stream, sensor_id, TRY(json_extract_string(decode(value), '$.sensor_type')) AS claimed_type,
           TRY(json_extract_string(decode(value), '$.schema_version')) AS claimed_version
    FROM (SELECT stream, sensor_id, arg_max(value, accepted_at) AS value FROM dead GROUP BY stream, sensor_id)
),
affectable AS (
    SELECT known.stream, known.sensor_id, readings, coalesce(location, last_location, '(unknown)') AS location,
           coalesce(sensor_type, claimed_type, '(unknown)') AS sensor_type,
           coalesce(version::VARCHAR, claimed_version, '(unknown)') AS version, missing
    FROM known LEFT JOIN sensors USING (stream, sensor_id) LEFT JOIN claims USING (stream, sensor_id)
),
fields AS (
    SELECT DISTINCT stream, unnest(missing) AS field FROM affectable
),
judged AS (
    SELECT stream, field, sensor_id, location, sensor_type, version, readings,
           len(list_filter(missing, lambda one: one = field)) AS nulls, nulls / readings >= 0.2 AS affected
    FROM affectable JOIN fields USING (stream)
    WHERE field IS NOT NULL
),
-- Left out by all in all their readings; nothing is read of the past while there is none of these.
left_out_by_all AS (
    SELECT stream, field
    FROM judged
    WHERE field IN ('unit', 'location', 'battery_level', 'signal_strength', 'schema_version')
    GROUP BY stream, field
    HAVING sum(nulls) = sum(readings)
),
sent_before AS (
    SELECT stream, field
    FROM null_rates SEMI JOIN left_out_by_all USING (stream, field)
    WHERE hour > $now - INTERVAL 30 DAY AND sensor_id = '(all)' AND location = '(all)' AND nulls < readings
    UNION
    SELECT stream, field
    FROM readings JOIN left_out_by_all USING (stream)
    WHERE accepted_at > $now - INTERVAL 24 HOUR AND accepted_at <= $now
      AND CASE field
              WHEN 'unit' THEN NOT coalesce(list_contains(repaired, 'unit'), false)
              WHEN 'location' THEN location IS NOT NULL AND NOT location_filled
              WHEN 'battery_level' THEN battery_level IS NOT NULL
              WHEN 'signal_strength' THEN signal_strength IS NOT NULL
              ELSE NOT coalesce(list_contains(repaired, 'schema_version'), false)
          END
),
never_sent AS (
    SELECT stream, field FROM left_out_by_all ANTI JOIN sent_before USING (stream, field)
),
sent_fields AS (
    SELECT stream, field, count(*) AS sensors, count(*) FILTER (affected) AS affected,
           (sum(nulls) FILTER (affected))::BIGINT AS nulls, (sum(readings) FILTER (affected))::BIGINT AS readings,
           (list({sensor_id: sensor_id, location: location, version: version, nulls: nulls, readings: readings}
                ORDER BY nulls / readings DESC, sensor_id) FILTER (affected))[:200] AS worst
    FROM judged ANTI JOIN never_sent USING (stream, field)
    GROUP BY stream, field
    HAVING count(*) FILTER (affected) > 0
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
    WHERE mark."value" <> '(unknown)'
    GROUP BY ALL
    HAVING count(*) FILTER (affected) > 0
)
SELECT stream, field, sensors, affected, affected / sensors AS share, nulls, readings, worst,
       coalesce((SELECT list({attribute: attribute, "value": value, affected: shares.affected, sensors: shares.sensors}
                    ORDER BY shares.affected DESC, shares.sensors, attribute, value)[:100]
        FROM shares WHERE shares.stream = sent_fields.stream AND shares.field = sent_fields.field), []) AS shares
FROM sent_fields
ORDER BY share DESC, affected DESC, stream, field
