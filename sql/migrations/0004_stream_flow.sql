-- How each stream flowed, by hour. silent_sensors takes its pauses from here: what the whole stream missed is no
-- sensor's fault.
CREATE TABLE stream_flow (
    stream                VARCHAR NOT NULL,
    hour                  TIMESTAMPTZ NOT NULL,   -- of accepted_at
    valid                 BIGINT NOT NULL,
    dead                  BIGINT NOT NULL,
    share_dead            DOUBLE NOT NULL,
    sensors               BIGINT NOT NULL,        -- different ones
    first_at              TIMESTAMPTZ NOT NULL,
    last_at               TIMESTAMPTZ NOT NULL,
    longest_pause_seconds DOUBLE NOT NULL,        -- between two records of the stream in the hour
    pause_starts          TIMESTAMPTZ[] NOT NULL, -- of the 20 longest pauses over a second
    pause_seconds         DOUBLE[] NOT NULL
);
