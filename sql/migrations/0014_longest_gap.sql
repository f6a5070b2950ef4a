-- The longest silence of a sensor within an hour, so that it can be named when it is back.
ALTER TABLE sensor_quality ADD COLUMN longest_gap_seconds DOUBLE;     -- between two of its records in the hour
ALTER TABLE sensor_quality ADD COLUMN longest_gap_until TIMESTAMPTZ;  -- the record after it; both null with fewer than two

UPDATE mart_parts SET version = replace(uuid()::VARCHAR, '-', '') WHERE mart = 'sensor_quality';
