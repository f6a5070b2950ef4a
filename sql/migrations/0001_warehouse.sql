-- The warehouse. No primary keys on the hot tables: the loader writes each Kafka offset once, in the transaction that
-- also moves topic_offsets, and an index would double the time of a load and triple the file.

CREATE TABLE readings (
    stream          VARCHAR NOT NULL,
    message_id      UUID NOT NULL,
    sensor_id       VARCHAR NOT NULL,
    sensor_type     VARCHAR NOT NULL,
    generated_at    TIMESTAMPTZ NOT NULL,   -- by the sensor
    accepted_at     TIMESTAMPTZ NOT NULL,   -- by the platform: the record's time stamp in Kafka
    value           DOUBLE NOT NULL,
    unit            VARCHAR NOT NULL,
    location        VARCHAR,                -- as sent, or the last known of the sensor
    location_filled BOOLEAN NOT NULL,       -- true: the sensor sent none
    battery_level   DOUBLE,                 -- per cent
    signal_strength DOUBLE,                 -- dBm
    schema_version  INTEGER NOT NULL,
    extra           JSON,                   -- fields that no contract names, as they were
    repaired        VARCHAR[],              -- fields that the validator filled
    partition       INTEGER NOT NULL,
    kafka_offset    BIGINT NOT NULL,        -- in the validated topic
    load_id         BIGINT NOT NULL,        -- counts loads; the reader's copy goes by it
    loaded_at       TIMESTAMPTZ NOT NULL
);

CREATE TABLE dead_letters (
    stream           VARCHAR NOT NULL,
    codes            VARCHAR[] NOT NULL,    -- reason codes, without repetition
    reasons          JSON NOT NULL,         -- [{"code", "field", "detail"}]
    sensor_id        VARCHAR,               -- from the key, where it is a sensor id
    source_topic     VARCHAR NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset    BIGINT NOT NULL,
    first_seen       TIMESTAMPTZ NOT NULL,
    attempts         INTEGER NOT NULL,
    rule_version     VARCHAR NOT NULL,
    key              BLOB,                  -- null is no key; the bytes are untouched
    value            BLOB,                  -- null is no value (a tombstone); empty is zero bytes
    headers          JSON NOT NULL,         -- the original ones: [[name, base64 or null]]
    accepted_at      TIMESTAMPTZ NOT NULL,
    partition        INTEGER NOT NULL,
    kafka_offset     BIGINT NOT NULL,       -- in the dead-letter topic
    load_id          BIGINT NOT NULL,
    loaded_at        TIMESTAMPTZ NOT NULL
);

-- Ledger entries, put together by partition and hour only where their ranges join: a hole stays a hole.
CREATE TABLE ledger (
    stream               VARCHAR NOT NULL,
    partition            INTEGER NOT NULL,
    first_offset         BIGINT NOT NULL,
    last_offset          BIGINT NOT NULL,
    valid                BIGINT NOT NULL,
    repaired             BIGINT NOT NULL,
    dead                 BIGINT NOT NULL,
    duplicates           BIGINT NOT NULL,
    gaps                 BIGINT NOT NULL,
    entries              BIGINT NOT NULL,
    by_reason            JSON NOT NULL,
    duplicates_by_sensor JSON NOT NULL,
    rule_version         VARCHAR NOT NULL,
    first_at             TIMESTAMPTZ NOT NULL,
    last_at              TIMESTAMPTZ NOT NULL
);

-- Where each topic is read next. Rows and offsets change in the same transaction.
CREATE TABLE topic_offsets (
    topic       VARCHAR NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    topic_id    VARCHAR NOT NULL,           -- Kafka's: a topic made anew under the old name has another one
    PRIMARY KEY (topic, partition)
);

-- How many rows each day's loads brought, so that an audit can say where rows are missing.
CREATE TABLE load_ranges (
    stream       VARCHAR NOT NULL,
    table_name   VARCHAR NOT NULL,
    partition    INTEGER NOT NULL,
    loaded_on    DATE NOT NULL,
    first_offset BIGINT NOT NULL,
    last_offset  BIGINT NOT NULL,
    row_count    BIGINT NOT NULL,
    removed      BOOLEAN NOT NULL DEFAULT false,   -- by retention: the rows are gone, their count stays
    PRIMARY KEY (stream, table_name, partition, loaded_on)
);

CREATE TABLE sensors (
    stream        VARCHAR NOT NULL,
    sensor_id     VARCHAR NOT NULL,
    last_location VARCHAR,
    last_seen     TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (stream, sensor_id)
);

CREATE SEQUENCE load_ids START 1;
