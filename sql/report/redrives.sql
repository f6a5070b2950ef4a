-- What became in the period of dead letters that somebody worked on: sent again, parked, given up.
SELECT stream, status, count(*) AS dead_letters, max(since) AS last_at
FROM dlq_status
WHERE since >= $start AND since < $until AND status <> 'untouched' AND list_contains($streams, stream)
GROUP BY ALL
ORDER BY stream, dead_letters DESC, status
