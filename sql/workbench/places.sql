-- Where they came from, in the order in which they were in the raw topic.
SELECT source_partition, source_offset FROM letters ORDER BY source_partition, source_offset LIMIT $most
