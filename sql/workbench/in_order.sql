-- In the order in which they were in the raw topic.
SELECT * FROM letters ORDER BY source_partition, source_offset
