-- What each sensor measured, by the hour; and what the rules over many readings say of it.
CREATE TABLE sensor_values (
    stream              VARCHAR NOT NULL,
    hour                TIMESTAMPTZ NOT NULL,   -- of accepted_at
    sensor_id           VARCHAR NOT NULL,
    sensor_type         VARCHAR NOT NULL,
    location            VARCHAR,                -- the last one in the hour
    readings            BIGINT NOT NULL,        -- valid ones
    minimum             DOUBLE NOT NULL,
    low                 DOUBLE NOT NULL,        -- a tenth of the values is at most this
    median              DOUBLE NOT NULL,
    high                DOUBLE NOT NULL,        -- a tenth of the values is at least this
    maximum             DOUBLE NOT NULL,
    longest_run         BIGINT NOT NULL,        -- equal values in a row
    delay_seconds       DOUBLE NOT NULL,        -- accepted_at less generated_at, median; negative: its clock is ahead
    delay_spread_seconds DOUBLE NOT NULL,       -- median distance of the delays from their median
    first_at            TIMESTAMPTZ NOT NULL,   -- by the sensor's clock
    last_at             TIMESTAMPTZ NOT NULL
);

CREATE TABLE sensor_findings (
    stream      VARCHAR NOT NULL,
    hour        TIMESTAMPTZ NOT NULL,           -- of accepted_at
    sensor_id   VARCHAR NOT NULL,
    sensor_type VARCHAR NOT NULL,
    location    VARCHAR,                        -- the last one in the hour
    field       VARCHAR NOT NULL,               -- that is odd: value or generated_at
    rule        VARCHAR NOT NULL,               -- stuck, unit_flip, clock_skew, drift, spike or rate
    from_at     TIMESTAMPTZ NOT NULL,           -- of the first reading that is flagged, by the sensor's clock
    to_at       TIMESTAMPTZ NOT NULL,           -- of the last one
    moments     TIMESTAMPTZ[],                  -- of the single readings that are meant (100 at most); null: all between
    readings    BIGINT NOT NULL,                -- that are flagged
    value       DOUBLE NOT NULL,                -- what was seen, in the sensor's unit; clock_skew: in seconds
    expected    DOUBLE NOT NULL,                -- what a sound sensor would have shown
    excess      DOUBLE NOT NULL,                -- how many times its limit it is: 1 is just over
    evidence    VARCHAR NOT NULL                -- why, in a sentence with its figures
);

-- Readings that a finding means, once a rule, also where several hours tell of them. They are valid: nothing is refused
-- for a finding.
CREATE VIEW flagged_readings AS
SELECT readings.*, sensor_findings.rule
FROM readings
JOIN sensor_findings ON sensor_findings.stream = readings.stream AND sensor_findings.sensor_id = readings.sensor_id
    AND generated_at BETWEEN from_at AND to_at AND accepted_at < sensor_findings.hour + INTERVAL 1 HOUR
    AND (moments IS NULL OR list_contains(moments, generated_at))
QUALIFY row_number() OVER (
    PARTITION BY readings.stream, readings.sensor_id, accepted_at, partition, kafka_offset, rule
    ORDER BY sensor_findings.hour
) = 1;
