-- Dead letters with their status; each parameter that is null asks for nothing.
SELECT d.stream, d.source_topic, d.source_partition, d.source_offset, d.sensor_id, d.codes,
       d.reasons::VARCHAR AS reasons, d.attempts, d.rule_version, d.first_seen, d.accepted_at, d.key, d.value,
       d.headers::VARCHAR AS headers, d.partition, d.kafka_offset, coalesce(worked.status, 'untouched') AS status,
       worked.place, worked.redrive_id, worked.patch, worked.detail AS note
FROM dead_letters d
LEFT JOIN dlq_status worked USING (stream, source_partition, source_offset)
WHERE d.stream = $stream
  AND ($statuses::VARCHAR[] IS NULL OR list_contains($statuses::VARCHAR[], coalesce(worked.status, 'untouched')))
  AND ($reason::VARCHAR IS NULL OR list_contains(d.codes, $reason::VARCHAR))
  AND ($field::VARCHAR IS NULL OR len(list_filter(
          from_json(d.reasons, '[{"code": "VARCHAR", "field": "VARCHAR"}]'),
          lambda reason: reason.field = $field::VARCHAR AND reason.code = coalesce($reason::VARCHAR, reason.code)
      )) > 0)
  AND ($sensor::VARCHAR IS NULL OR d.sensor_id GLOB $sensor::VARCHAR)
  -- What a dead record says of itself: where it is no object, it says nothing.
  AND ($sensor_type::VARCHAR IS NULL
       OR TRY(json_extract_string(decode(d.value), '$.sensor_type')) = $sensor_type::VARCHAR)
  AND ($location::VARCHAR IS NULL OR TRY(json_extract_string(decode(d.value), '$.location')) GLOB $location::VARCHAR)
  AND ($since::TIMESTAMPTZ IS NULL OR d.accepted_at >= $since::TIMESTAMPTZ)
  AND ($until::TIMESTAMPTZ IS NULL OR d.accepted_at < $until::TIMESTAMPTZ)
  AND ($not_tried::VARCHAR IS NULL OR worked.status IS DISTINCT FROM 'unrecoverable'
       OR worked.patch_digest IS DISTINCT FROM $not_tried::VARCHAR)
  AND ($source_partition::INTEGER IS NULL OR d.source_partition = $source_partition::INTEGER)
  -- The bounds let DuckDB pass over what is far from the offsets.
  AND ($source_offsets::BIGINT[] IS NULL OR d.source_offset BETWEEN list_min($source_offsets::BIGINT[])
                                                            AND list_max($source_offsets::BIGINT[]))
  AND ($source_offsets::BIGINT[] IS NULL OR list_contains($source_offsets::BIGINT[], d.source_offset))
