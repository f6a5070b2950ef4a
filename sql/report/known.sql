-- Streams that ever had a record, each with its first and its newest day.
SELECT stream, min(day) AS first_day, max(day) AS last_day
FROM quality_trends
WHERE scope = 'stream'
GROUP BY stream
ORDER BY stream
