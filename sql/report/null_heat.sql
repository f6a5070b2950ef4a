-- How often each field was null, by location and for the stream ('(all)'), as it was sent. null_rates has locations
-- only in hours with a null: the readings of their other hours are those of sensor_quality. Locations with the most
-- nulls first, those without any left out; `total` counts them all. Fields that the stream never sent are none of its.
WITH places AS (
    SELECT stream, hour, if(grouping(location) = 1, '(all)', location) AS location, sum(valid)::BIGINT AS valid
    FROM (
        SELECT stream, hour, coalesce(location, '(unknown)') AS location, valid
        FROM sensor_quality
        WHERE hour >= $start AND hour < $until AND list_contains($streams, stream)
    )
    GROUP BY GROUPING SETS ((stream, hour), (stream, hour, location))
),
sent AS (
    SELECT stream, field, bool_or(nulls < readings) AS ever
    FROM null_rates
    WHERE sensor_id = '(all)' AND location = '(all)' AND hour < $until
    GROUP BY ALL
),
fields AS (
    SELECT stream, field FROM sent WHERE ever OR NOT list_contains($policy_fields, field)
),
found AS (
    SELECT stream, hour, field, location, readings, nulls
    FROM null_rates
    WHERE hour >= $start AND hour < $until AND sensor_id = '(all)' AND list_contains($streams, stream)
),
rates AS (
    SELECT stream, location, field, sum(coalesce(found.readings, valid))::BIGINT AS readings,
           coalesce(sum(nulls), 0)::BIGINT AS nulls
    FROM (SELECT places.*, field FROM places JOIN fields USING (stream))
    FULL JOIN (FROM found SEMI JOIN fields USING (stream, field)) AS found USING (stream, hour, location, field)
    GROUP BY ALL
),
ranked AS (
    SELECT *, dense_rank() OVER (
        PARTITION BY stream ORDER BY location = '(all)' DESC, worst DESC, all_nulls DESC, location
    ) AS place
    FROM (
        SELECT *, max(nulls / nullif(readings, 0)) OVER (PARTITION BY stream, location) AS worst,
               sum(nulls) OVER (PARTITION BY stream, location) AS all_nulls
        FROM rates
    )
)
SELECT stream, location, field, readings, nulls, coalesce(nulls / nullif(readings, 0), 0) AS rate,
       max(place) OVER (PARTITION BY stream) - 1 AS total
FROM ranked
QUALIFY place <= $rows + 1 AND (location = '(all)' OR all_nulls > 0)
ORDER BY stream, place, field
