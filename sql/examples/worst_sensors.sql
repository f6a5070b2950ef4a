-- Sensors by their share of dead letters.
WITH valid AS (SELECT stream, sensor_id, count(*) AS readings FROM readings GROUP BY ALL),
     dead AS (SELECT stream, sensor_id, count(*) AS dead FROM dead_letters WHERE sensor_id IS NOT NULL GROUP BY ALL)
SELECT coalesce(valid.stream, dead.stream) AS stream, coalesce(valid.sensor_id, dead.sensor_id) AS sensor_id,
       coalesce(readings, 0) AS readings, coalesce(dead, 0) AS dead,
       round(100.0 * coalesce(dead, 0) / (coalesce(readings, 0) + coalesce(dead, 0)), 1) AS dead_per_cent
FROM valid FULL JOIN dead ON valid.stream = dead.stream AND valid.sensor_id = dead.sensor_id
ORDER BY dead_per_cent DESC, dead DESC
LIMIT 20;
