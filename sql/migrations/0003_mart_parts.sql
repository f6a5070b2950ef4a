-- Hourly marts by week (Monday, UTC), each with the version of its rows: the reader's copy writes only weeks whose
-- version it does not have. A migration that changes the columns of an hourly mart gives all its parts new versions.
CREATE TABLE mart_parts (
    mart    VARCHAR NOT NULL,
    week    DATE NOT NULL,
    version VARCHAR NOT NULL             -- 32 hexadecimal digits that never come again, not even after a restore
);

INSERT INTO mart_parts
SELECT mart, week, replace(uuid()::VARCHAR, '-', '')
FROM (
    SELECT DISTINCT 'dlq_summary' AS mart, date_trunc('week', hour)::DATE AS week FROM dlq_summary
    UNION SELECT 'sensor_quality', date_trunc('week', hour)::DATE FROM sensor_quality
    UNION SELECT 'null_rates', date_trunc('week', hour)::DATE FROM null_rates
    UNION SELECT 'duplicate_rates', date_trunc('week', hour)::DATE FROM duplicate_rates
);
