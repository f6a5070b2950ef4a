-- Silent sensors now, and the longest silence.
SELECT count(*) AS silent_sensors, coalesce(max(silent_seconds), 0) AS longest_silence_seconds
FROM silent_sensors
