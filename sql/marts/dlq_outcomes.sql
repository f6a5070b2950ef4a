-- What became of the dead letters of the last 30 days, by reason: the workbench's books beside what nobody has touched.
SELECT stream, code, coalesce(dlq_status.status, 'untouched') AS status, count(*) AS dead_letters,
       count(DISTINCT sensor_id) AS sensors, min(accepted_at) AS oldest_at, max(accepted_at) AS newest_at
FROM (
    SELECT stream, unnest(codes) AS code, sensor_id, accepted_at, source_partition, source_offset
    FROM dead_letters
    WHERE accepted_at >= $since
)
LEFT JOIN dlq_status USING (stream, source_partition, source_offset)
GROUP BY ALL
