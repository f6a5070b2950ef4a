-- How far each consumer group was behind in the period: the longest wait, when, the most records, and how it ended.
WITH moments AS (
    SELECT consumer_group, taken_at, max(seconds) AS seconds, sum(messages)::BIGINT AS messages
    FROM lag_snapshots
    WHERE taken_at >= $start AND taken_at < $until
      AND list_contains(list_concat(list_transform($streams, lambda s: 'validator-' || s),
                                    list_transform($streams, lambda s: 'loader-' || s)), consumer_group)
    GROUP BY ALL
)
SELECT consumer_group, max(seconds) AS seconds, arg_max(taken_at, (seconds, -epoch(taken_at))) AS worst_at,
       max(messages) AS messages, arg_max(seconds, taken_at) AS seconds_at_end, count(*) AS snapshots
FROM moments
GROUP BY consumer_group
ORDER BY seconds DESC, consumer_group
