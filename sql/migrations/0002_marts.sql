-- Marts: what is read of the warehouse again and again, built from sql/marts/*.sql. The hourly ones are built hour by
-- hour (UTC), so that late rows and a changed definition cost the hours they concern and no more.

-- Which load last touched a ledger row: a row grows within its hour. Rows from before this migration count as new.
ALTER TABLE ledger ADD COLUMN load_id BIGINT DEFAULT 0;

-- How far each mart has taken note of loads.
CREATE TABLE mart_state (
    mart          VARCHAR PRIMARY KEY,
    built_load_id BIGINT NOT NULL,
    built_at      TIMESTAMPTZ NOT NULL
);

-- Hours that loads touched and that are not built yet: what remains after a crash, or when a person builds a part.
CREATE TABLE mart_due (
    mart VARCHAR NOT NULL,
    hour TIMESTAMPTZ NOT NULL
);

CREATE TABLE dlq_summary (
    stream       VARCHAR NOT NULL,
    hour         TIMESTAMPTZ NOT NULL,   -- of accepted_at
    code         VARCHAR NOT NULL,       -- a record with several reasons counts under each
    field        VARCHAR NOT NULL,       -- of the reading; empty where the record as a whole is meant
    sensor_type  VARCHAR,                -- as the record claims it, where the catalogue knows it
    dead_letters BIGINT NOT NULL,
    sensors      BIGINT NOT NULL,        -- different ones, by the record's key
    share        DOUBLE NOT NULL,        -- of all records of the stream in the hour
    example      VARCHAR NOT NULL,       -- what the newest record was told
    what_to_do   VARCHAR NOT NULL
);

CREATE TABLE sensor_quality (
    stream           VARCHAR NOT NULL,
    hour             TIMESTAMPTZ NOT NULL,
    sensor_id        VARCHAR NOT NULL,   -- '(none)': dead letters whose key is no sensor id
    sensor_type      VARCHAR,
    location         VARCHAR,            -- the last one in the hour
    partition        INTEGER,
    valid            BIGINT NOT NULL,
    repaired         BIGINT NOT NULL,    -- among the valid
    dead             BIGINT NOT NULL,
    duplicates       BIGINT NOT NULL,    -- repeats that the validator dropped, by the hour in which it did
    share_dead       DOUBLE NOT NULL,    -- of valid + dead
    share_null       DOUBLE NOT NULL,    -- of the fields unit, location, battery_level, signal_strength, as sent
    first_seen       TIMESTAMPTZ,        -- valid or dead, in the hour
    last_seen        TIMESTAMPTZ,
    interval_seconds DOUBLE,             -- median gap between its records in the hour; null with fewer than two
    score            DOUBLE NOT NULL     -- 0 to 100, defined in sql/marts/sensor_quality.sql
);

CREATE TABLE null_rates (
    stream    VARCHAR NOT NULL,
    hour      TIMESTAMPTZ NOT NULL,
    field     VARCHAR NOT NULL,
    sensor_id VARCHAR NOT NULL,          -- '(all)': all sensors of the location, or of the stream
    location  VARCHAR NOT NULL,          -- '(all)': of the stream; '(unknown)': never sent one
    readings  BIGINT NOT NULL,
    nulls     BIGINT NOT NULL,
    rate      DOUBLE NOT NULL
);

CREATE TABLE duplicate_rates (
    stream     VARCHAR NOT NULL,
    hour       TIMESTAMPTZ NOT NULL,
    sensor_id  VARCHAR NOT NULL,         -- '(all)': the stream; '*': sensors beyond those a ledger entry names
    duplicates BIGINT NOT NULL,
    valid      BIGINT NOT NULL,
    rate       DOUBLE NOT NULL           -- duplicates among valid + duplicates
);

CREATE TABLE dlq_samples (
    stream           VARCHAR NOT NULL,
    code             VARCHAR NOT NULL,
    accepted_at      TIMESTAMPTZ NOT NULL,
    sensor_id        VARCHAR,
    detail           VARCHAR NOT NULL,
    source_topic     VARCHAR NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset    BIGINT NOT NULL,
    payload          VARCHAR NOT NULL,   -- the first 500 characters of the text; hexadecimal where it is no UTF-8
    partition        INTEGER NOT NULL,
    kafka_offset     BIGINT NOT NULL,    -- in the dead-letter topic
    loaded_at        TIMESTAMPTZ NOT NULL
);

CREATE TABLE silent_sensors (
    stream           VARCHAR NOT NULL,
    sensor_id        VARCHAR NOT NULL,
    sensor_type      VARCHAR NOT NULL,
    location         VARCHAR,            -- the last one it reported from
    since            TIMESTAMPTZ NOT NULL,  -- its last record, valid or dead
    silent_seconds   DOUBLE NOT NULL,    -- up to the newest record of the stream, never up to now
    expected_seconds DOUBLE NOT NULL,    -- between two of its records
    missed           BIGINT NOT NULL     -- records that should have come since
);

CREATE TABLE lag_snapshots (
    taken_at       TIMESTAMPTZ NOT NULL,
    consumer_group VARCHAR NOT NULL,
    topic          VARCHAR NOT NULL,
    partition      INTEGER NOT NULL,
    committed      BIGINT,               -- next offset of the group; null before its first commit
    end_offset     BIGINT NOT NULL,      -- what a read_committed reader can reach
    high_watermark BIGINT NOT NULL,      -- what is written
    messages       BIGINT NOT NULL,      -- that wait
    seconds        DOUBLE NOT NULL       -- age of the oldest that waits
);

CREATE TABLE ledger_audit (
    taken_at     TIMESTAMPTZ NOT NULL,
    stream       VARCHAR NOT NULL,
    raw          BIGINT NOT NULL,
    valid        BIGINT NOT NULL,
    repaired     BIGINT NOT NULL,
    dead         BIGINT NOT NULL,
    duplicates   BIGINT NOT NULL,
    in_flight    BIGINT NOT NULL,
    loaded_valid BIGINT NOT NULL,
    loaded_dead  BIGINT NOT NULL,
    unaccounted  BIGINT NOT NULL,
    findings     JSON NOT NULL           -- as `audit --json` gives them
);
