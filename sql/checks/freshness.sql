-- The newest reading of each stream, and in how many hours there were any in the 24 hours up to it: what came in fewer
-- than 3 is a burst, such as a file that was replayed, and nobody expects more of it. What flowed before it fell silent
-- is missed however long that lasts.
WITH today AS (
    SELECT stream, max(accepted_at) AS newest, count(DISTINCT time_bucket(INTERVAL 1 HOUR, accepted_at)) AS hours
    FROM readings
    WHERE accepted_at > $now - INTERVAL 24 HOUR AND accepted_at <= $now + INTERVAL 5 MINUTE
    GROUP BY stream
),
-- Streams that may have flowed before they fell silent.
quiet AS (
    SELECT stream, max(last_seen) AS newest, max(last_seen) - INTERVAL 24 HOUR AS earliest
    FROM sensors LEFT JOIN today USING (stream)
    WHERE last_seen <= $now + INTERVAL 5 MINUTE
    GROUP BY stream
    HAVING coalesce(max(hours), 0) < 3
),
-- The ledger has a row for each partition and hour.
by_ledger AS (
    SELECT stream, count(DISTINCT time_bucket(INTERVAL 1 HOUR, first_at)) AS hours
    FROM ledger JOIN quiet USING (stream)
    WHERE valid > 0 AND last_at > earliest AND first_at <= newest + INTERVAL 1 HOUR
    GROUP BY stream
),
-- Nothing is read here while no stream is quiet, or the ledger knows.
by_readings AS (
    SELECT stream, count(DISTINCT time_bucket(INTERVAL 1 HOUR, accepted_at)) AS hours
    FROM readings JOIN (FROM quiet ANTI JOIN by_ledger USING (stream)) AS unknown USING (stream)
    WHERE accepted_at > $now - INTERVAL 9 DAY AND accepted_at > earliest AND accepted_at <= newest
    GROUP BY stream
)
SELECT stream, coalesce(quiet.newest, today.newest) AS newest, epoch($now) - epoch(coalesce(quiet.newest, today.newest)) AS seconds,
       greatest(coalesce(today.hours, 0), coalesce(by_ledger.hours, 0), coalesce(by_readings.hours, 0)) AS hours
FROM today FULL JOIN quiet USING (stream) LEFT JOIN by_ledger USING (stream) LEFT JOIN by_readings USING (stream)
ORDER BY seconds DESC, stream
