-- Of the 24 hours up to $now: fields beyond the contract, and those that came in more than one type (null aside).
SELECT count(*) AS fields_last_24_hours, count(*) FILTER (types > 1) AS fields_of_several_types
FROM (
    SELECT stream, field, count(DISTINCT json_type) FILTER (json_type <> 'null') AS types
    FROM extra_fields
    WHERE hour > $now - INTERVAL 1 DAY AND hour <= $now
    GROUP BY ALL
)
