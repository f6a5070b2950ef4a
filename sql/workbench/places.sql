-- Where they came from, in the order in which they were in the raw topic; of more than $most those accepted first.
SELECT source_partition, source_offset
FROM (
    SELECT source_partition, source_offset
    FROM letters
    ORDER BY accepted_at, source_partition, source_offset
    LIMIT $most
)
ORDER BY source_partition, source_offset
