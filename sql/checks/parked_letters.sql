-- Dead letters that were sent again for the last time in the last 24 hours, and are still parked: what a person parked is
-- none of them, nor what was released or mended since.
SELECT stream, count(*) AS letters, max(since) AS newest_at,
       arg_max('raw_' || stream || '/' || source_partition || '/' || source_offset, since) AS source
FROM dlq_status
WHERE status = 'parked' AND detail LIKE 'dead after %' AND since > $now - INTERVAL 24 HOUR
GROUP BY stream
ORDER BY letters DESC, stream
