-- Share of readings in which the sensor sent no value for an optional field, in per cent.
SELECT stream, sensor_id, count(*) AS readings,
       round(100 * avg(location_filled::INT), 1) AS location,
       round(100 * avg((battery_level IS NULL)::INT), 1) AS battery_level,
       round(100 * avg((signal_strength IS NULL)::INT), 1) AS signal_strength,
       round(100 * avg((list_contains(coalesce(repaired, []), 'unit'))::INT), 1) AS unit
FROM readings
GROUP BY ALL
HAVING location + battery_level + signal_strength + unit > 0
ORDER BY location + battery_level + signal_strength + unit DESC
LIMIT 50;
