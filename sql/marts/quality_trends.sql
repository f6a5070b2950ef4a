-- Quality by day (UTC): of the platform, of each stream, location and sensor. Made from sensor_quality, whole days.
--
-- The score is quality_score (sql/migrations/0013_quality_score.sql) as of a sensor and hour, but of the sums of the day:
-- a sensor that sends much weighs much. Dead letters whose key is no sensor's id count for
-- the stream and the platform, and as '(none)', but as no sensor in the number of sensors.
WITH hours AS (
    SELECT stream, hour::DATE AS day, hour, sensor_id, sensor_type,
           -- An hour of nothing but dead letters knows no location: it is the sensor's of that day.
           coalesce(
               location, arg_max(location, hour) OVER (PARTITION BY stream, hour::DATE, sensor_id), '(unknown)'
           ) AS location,
           valid, repaired, dead, duplicates, round(4 * valid * share_null)::BIGINT AS nulls
    FROM sensor_quality
    WHERE hour >= $from AND hour < $to
),
sums AS (
    SELECT if(grouping(stream) = 1, '(all)', stream) AS stream, day,
           CASE
               WHEN grouping(sensor_id) = 0 THEN 'sensor'
               WHEN grouping(location) = 0 THEN 'location'
               WHEN grouping(stream) = 0 THEN 'stream'
               ELSE 'platform'
           END AS scope,
           CASE
               WHEN grouping(sensor_id) = 0 THEN sensor_id
               WHEN grouping(location) = 0 THEN location
               ELSE '(all)'
           END AS name,
           if(grouping(sensor_id) = 0, arg_max(sensor_type, hour), NULL) AS sensor_type,
           if(grouping(sensor_id) = 0, arg_max(hours.location, hour), NULL) AS location,
           count(DISTINCT (hours.stream, hours.sensor_id)) FILTER (hours.sensor_id <> '(none)') AS sensors,
           count(DISTINCT hour) AS hours, sum(valid)::BIGINT AS valid, sum(repaired)::BIGINT AS repaired,
           sum(dead)::BIGINT AS dead, sum(duplicates)::BIGINT AS duplicates, sum(nulls)::BIGINT AS nulls
    FROM hours
    GROUP BY GROUPING SETS ((day), (stream, day), (stream, day, location), (stream, day, sensor_id))
)
SELECT *, coalesce(dead / nullif(valid + dead, 0), 0) AS share_dead,
       coalesce(nulls / nullif(4 * valid, 0), 0) AS share_null,
       coalesce(duplicates / nullif(valid + duplicates, 0), 0) AS share_duplicate,
       quality_score(valid, dead, nulls, duplicates) AS score
FROM sums
