-- Readings that were dead letters and became valid by a patch: what each field was beside what it is.
SELECT sensor_id, generated_at, value, unit, patched
FROM readings
JOIN redriven USING (stream, partition, kafka_offset)
WHERE outcome = 'valid' AND patched IS NOT NULL
ORDER BY generated_at DESC
