-- Where the interval of a silent sensor comes from: the catalogue, or the sensor's own history.
ALTER TABLE silent_sensors ADD COLUMN expected_by VARCHAR DEFAULT 'given';  -- given or learnt
ALTER TABLE silent_sensors ADD COLUMN gaps BIGINT DEFAULT 0;                -- of its last 24 hours with records
