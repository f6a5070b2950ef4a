-- Reasons with a sample, and samples of the last 24 hours.
SELECT count(DISTINCT code) AS reasons, count(*) FILTER (accepted_at > $now - INTERVAL 1 DAY) AS samples_last_24_hours
FROM dlq_samples
