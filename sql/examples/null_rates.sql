-- Share of readings in which the sensor sent no value for an optional field, in per cent.
WITH rates AS (
    SELECT stream, sensor_id, count(*) AS readings,
           round(100 * avg((location IS NULL OR location_filled)::INT), 1) AS no_location,
           round(100 * avg((battery_level IS NULL)::INT), 1) AS no_battery_level,
           round(100 * avg((signal_strength IS NULL)::INT), 1) AS no_signal_strength,
           round(100 * avg(list_contains(coalesce(repaired, []), 'unit')::INT), 1) AS no_unit
    FROM readings
    GROUP BY ALL
)
SELECT *
FROM rates
WHERE no_location + no_battery_level + no_signal_strength + no_unit > 0
ORDER BY no_location + no_battery_level + no_signal_strength + no_unit DESC, sensor_id
LIMIT 50;
