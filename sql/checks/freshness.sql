-- The newest reading of each stream within 24 hours, and in how many hours there were any: what came in fewer than 3 is
-- a burst, such as a file that was replayed, and nobody expects more of it.
SELECT stream, max(accepted_at) AS newest, epoch($now) - epoch(max(accepted_at)) AS seconds,
       count(DISTINCT time_bucket(INTERVAL 1 HOUR, accepted_at)) AS hours
FROM readings
WHERE accepted_at > $now - INTERVAL 24 HOUR AND accepted_at <= $now + INTERVAL 5 MINUTE
GROUP BY stream
UNION ALL
-- Streams silent for longer: only the fleet's is missed then.
SELECT stream, max(last_seen), epoch($now) - epoch(max(last_seen)), 0
FROM sensors
GROUP BY stream
HAVING max(last_seen) <= $now - INTERVAL 24 HOUR
ORDER BY seconds DESC, stream
