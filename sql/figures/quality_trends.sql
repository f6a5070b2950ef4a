-- Of the newest day up to $now: the platform's score, its worst location's and sensor's, and shares of the platform.
SELECT coalesce(max(score) FILTER (scope = 'platform'), 100) AS score,
       coalesce(min(score) FILTER (scope = 'location'), 100) AS worst_location_score,
       coalesce(min(score) FILTER (scope = 'sensor'), 100) AS worst_sensor_score,
       coalesce(max(share_dead) FILTER (scope = 'platform'), 0) AS dead_share,
       coalesce(max(share_null) FILTER (scope = 'platform'), 0) AS null_share
FROM quality_trends
WHERE day = (SELECT max(day) FROM quality_trends WHERE day <= $now::DATE AND day > $now::DATE - 7)
