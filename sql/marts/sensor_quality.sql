-- Each sensor, hour by hour: how much of what it sends is good, and how regularly it sends.
-- The score is that of the macro quality_score (sql/migrations/0013_quality_score.sql).
-- Nulls of fields that the catalogue calls unused do not count.
WITH kinds AS (
    SELECT unnest($kinds, recursive := true)
),
unused AS (
    SELECT stream, bool_or(field = 'location') AS no_location, bool_or(field = 'battery_level') AS no_battery_level,
           bool_or(field = 'signal_strength') AS no_signal_strength
    FROM (SELECT unnest($unused, recursive := true))
    GROUP BY stream
),
records AS (
    SELECT stream, sensor_id, accepted_at, partition, kafka_offset, sensor_type, location, false AS is_dead,
           coalesce(len(repaired) > 0, false) AS is_repaired,
           ((location IS NULL OR location_filled) AND no_location IS NOT TRUE)::INTEGER
           + (battery_level IS NULL AND no_battery_level IS NOT TRUE)::INTEGER
           + (signal_strength IS NULL AND no_signal_strength IS NOT TRUE)::INTEGER
           + coalesce(list_contains(repaired, 'unit'), false)::INTEGER AS nulls
    FROM readings LEFT JOIN unused USING (stream)
    WHERE accepted_at >= $from AND accepted_at < $to
    UNION ALL BY NAME
    SELECT stream, coalesce(sensor_id, '(none)') AS sensor_id, accepted_at, partition, kafka_offset, true AS is_dead,
           false AS is_repaired, 0 AS nulls,
           if(sensor_id IS NULL, NULL, TRY(json_extract_string(decode(value), '$.sensor_type'))) AS claimed_type
    FROM dead_letters
    WHERE accepted_at >= $from AND accepted_at < $to
),
spaced AS (
    SELECT records.* EXCLUDE (sensor_type, claimed_type), time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour,
           coalesce(records.sensor_type, kinds.sensor_type) AS sensor_type,
           epoch(accepted_at) - epoch(lag(accepted_at) OVER (
               PARTITION BY records.stream, sensor_id, time_bucket(INTERVAL 1 HOUR, accepted_at) ORDER BY accepted_at
           )) AS gap_seconds
    FROM records
    LEFT JOIN kinds ON kinds.stream = records.stream AND kinds.sensor_type = claimed_type
),
seen AS (
    SELECT stream, hour, sensor_id,
           -- What a valid reading says of its sensor goes before what a dead one claims.
           arg_max(sensor_type, (NOT is_dead, accepted_at, partition, kafka_offset)) AS sensor_type,
           arg_max(location, (accepted_at, partition, kafka_offset)) AS location,
           arg_max(partition, (accepted_at, partition)) AS partition,
           count(*) FILTER (NOT is_dead) AS valid, count(*) FILTER (is_repaired) AS repaired,
           count(*) FILTER (is_dead) AS dead, sum(nulls)::BIGINT AS nulls,
           min(accepted_at) AS first_seen, max(accepted_at) AS last_seen, median(gap_seconds) AS interval_seconds,
           max(gap_seconds) AS longest_gap_seconds, arg_max(accepted_at, gap_seconds) AS longest_gap_until
    FROM spaced
    GROUP BY ALL
),
dropped AS (
    SELECT stream, hour, repeat.key AS sensor_id, sum(repeat.value)::BIGINT AS duplicates
    FROM (
        SELECT stream, time_bucket(INTERVAL 1 HOUR, first_at) AS hour,
               unnest(map_entries(duplicates_by_sensor::MAP(VARCHAR, BIGINT))) AS repeat
        FROM ledger
        WHERE first_at >= $from AND first_at < $to AND duplicates > 0
    )
    WHERE repeat.key <> '*'
    GROUP BY ALL
)
SELECT stream, hour, sensor_id, sensor_type, location, partition, coalesce(valid, 0) AS valid,
       coalesce(repaired, 0) AS repaired, coalesce(dead, 0) AS dead, coalesce(duplicates, 0) AS duplicates,
       coalesce(dead / nullif(valid + dead, 0), 0) AS share_dead,
       coalesce(nulls / nullif(4 * valid, 0), 0) AS share_null,
       first_seen, last_seen, interval_seconds, longest_gap_seconds, longest_gap_until,
       quality_score(coalesce(valid, 0), coalesce(dead, 0), nulls, coalesce(duplicates, 0)) AS score
FROM seen
FULL JOIN dropped USING (stream, hour, sensor_id)
