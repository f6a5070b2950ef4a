-- Fields beyond the contract that came in the period in a type that the days looked back at do not know. A stream that
-- was not there before has nothing to drift from.
WITH streams_before AS (
    SELECT DISTINCT stream FROM stream_flow WHERE hour >= $reach AND hour < $start
),
before AS (
    SELECT stream, field, list(DISTINCT json_type ORDER BY json_type) FILTER (json_type <> 'null') AS types
    FROM extra_fields
    WHERE hour >= $reach AND hour < $start
    GROUP BY ALL
),
came AS (
    SELECT stream, field, json_type, min(hour) AS since, sum(readings)::BIGINT AS readings, max(sensors) AS sensors
    FROM extra_fields
    WHERE hour >= $start AND hour < $until AND list_contains($streams, stream) AND field <> '(others)'
      AND json_type <> 'null'
    GROUP BY ALL
)
SELECT came.*, coalesce(before.types, []) AS types_before, count(*) OVER () AS total
FROM came SEMI JOIN streams_before USING (stream)
LEFT JOIN before USING (stream, field)
WHERE NOT list_contains(coalesce(before.types, []), json_type)
ORDER BY readings DESC, stream, field, json_type
LIMIT $rows
