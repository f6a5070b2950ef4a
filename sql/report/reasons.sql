-- Dead letters by reason, once each however many fields they break it in: in this period and in the two it is compared
-- with, their share of the records, the different sensors and places behind them, the most frequent first.
WITH each_code AS (
    SELECT stream, unnest(codes) AS code, accepted_at, sensor_id
    FROM dead_letters
    WHERE list_contains($streams, stream)
      AND (accepted_at >= $start AND accepted_at < $until
           OR accepted_at >= $before_start AND accepted_at < $before_end
           OR accepted_at >= $earlier_start AND accepted_at < $earlier_end)
),
placed AS (
    SELECT stream, name AS sensor_id, arg_max(location, day) AS location
    FROM quality_trends
    WHERE scope = 'sensor' AND day >= $first_day AND day <= $last_day
    GROUP BY ALL
)
SELECT each_code.stream, code,
       count(*) FILTER (accepted_at >= $start) AS records,
       count(*) FILTER (accepted_at >= $before_start AND accepted_at < $before_end) AS records_before,
       count(*) FILTER (accepted_at >= $earlier_start AND accepted_at < $earlier_end) AS records_earlier,
       count(DISTINCT each_code.sensor_id) FILTER (accepted_at >= $start) AS sensors,
       count(DISTINCT location) FILTER (accepted_at >= $start) AS locations,
       min(accepted_at) FILTER (accepted_at >= $start) AS first_at,
       max(accepted_at) FILTER (accepted_at >= $start) AS last_at
FROM each_code
LEFT JOIN placed ON placed.stream = each_code.stream AND placed.sensor_id = each_code.sensor_id
GROUP BY ALL
ORDER BY records DESC, each_code.stream, code
