-- Of the 60 minutes up to $now: dead letters, their share of all records, and how many reasons they have.
WITH dead AS (
    SELECT codes FROM dead_letters WHERE accepted_at > $now - INTERVAL 1 HOUR AND accepted_at <= $now
),
totals AS (
    SELECT (SELECT count(*) FROM dead) AS dead,
           (SELECT count(*) FROM readings WHERE accepted_at > $now - INTERVAL 1 HOUR AND accepted_at <= $now) AS valid,
           (SELECT count(DISTINCT code) FROM (SELECT unnest(codes) AS code FROM dead)) AS reasons
)
SELECT dead AS dead_letters_last_60_minutes, coalesce(dead / nullif(dead + valid, 0), 0) AS dead_share_last_60_minutes,
       reasons AS reasons_last_60_minutes
FROM totals
