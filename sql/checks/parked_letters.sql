-- Dead letters that were sent again for the last time in the last 24 hours, and are parked: what a person parked is
-- none of them.
SELECT stream, count(*) AS letters, max(decided_at) AS newest_at,
       arg_max('raw_' || stream || '/' || source_partition || '/' || source_offset, decision_id) AS source
FROM dlq_decisions
WHERE decision = 'park' AND detail LIKE 'dead after %' AND decided_at > $now - INTERVAL 24 HOUR
GROUP BY stream
ORDER BY letters DESC, stream
