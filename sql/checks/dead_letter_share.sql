-- Records of each stream and sensor from the last full hour on. Judged by stream; sensors whose own share reaches the
-- level say where to look.
WITH records AS (
    SELECT stream, sensor_id, 1 AS valid, 0 AS dead, NULL AS code
    FROM readings
    WHERE accepted_at >= $last_hour AND accepted_at <= $now
    UNION ALL
    SELECT stream, coalesce(sensor_id, '(none)'), 0, 1, codes[1]
    FROM dead_letters
    WHERE accepted_at >= $last_hour AND accepted_at <= $now
)
SELECT stream, sensor_id, sum(dead)::BIGINT AS dead, count(*) AS records, sum(dead) / count(*) AS share,
       sum(sum(dead)) OVER (PARTITION BY stream)::BIGINT AS stream_dead,
       sum(count(*)) OVER (PARTITION BY stream)::BIGINT AS stream_records,
       coalesce(mode(code), '') AS most_frequent_reason
FROM records
GROUP BY stream, sensor_id
ORDER BY share DESC, dead DESC, stream, sensor_id
