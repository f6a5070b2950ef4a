-- Quality by day, made from sensor_quality, and the fields that readings have beyond the contract.
CREATE TABLE quality_trends (
    stream          VARCHAR NOT NULL,    -- '(all)': the platform
    day             DATE NOT NULL,       -- of accepted_at, in UTC
    scope           VARCHAR NOT NULL,    -- platform, stream, location or sensor
    name            VARCHAR NOT NULL,    -- of the location or sensor; '(all)' for a stream and the platform
    sensor_type     VARCHAR,             -- of a sensor
    location        VARCHAR,             -- of a sensor: the last one in the day
    sensors         BIGINT NOT NULL,     -- different ones
    hours           BIGINT NOT NULL,     -- with a record
    valid           BIGINT NOT NULL,
    repaired        BIGINT NOT NULL,     -- among the valid
    dead            BIGINT NOT NULL,
    duplicates      BIGINT NOT NULL,
    nulls           BIGINT NOT NULL,     -- of unit, location, battery_level, signal_strength, as sent
    share_dead      DOUBLE NOT NULL,     -- of valid + dead
    share_null      DOUBLE NOT NULL,     -- of the four fields of the valid
    share_duplicate DOUBLE NOT NULL,     -- of valid + duplicates
    score           DOUBLE NOT NULL      -- 0 to 100, defined in sql/marts/sensor_quality.sql, of the sums of the day
);

-- The days that there are already: built by the next cycle.
INSERT INTO mart_due SELECT DISTINCT 'quality_trends', hour::DATE::TIMESTAMPTZ FROM sensor_quality;

CREATE TABLE extra_fields (
    stream    VARCHAR NOT NULL,
    hour      TIMESTAMPTZ NOT NULL,      -- of accepted_at
    field     VARCHAR NOT NULL,          -- its first 100 characters; '(others)': beyond the 100 most frequent of the hour
    json_type VARCHAR NOT NULL,          -- string, number, boolean, object, array, null; 'any' for '(others)'
    readings  BIGINT NOT NULL,
    sensors   BIGINT NOT NULL            -- different ones
);
