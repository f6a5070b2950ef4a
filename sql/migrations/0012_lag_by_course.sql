-- Lag by its course, of every consumer group that is watched; and the processes of the streams beside it.
ALTER TABLE lag_snapshots RENAME TO lag_snapshots_before;

CREATE TABLE lag_snapshots (
    taken_at               TIMESTAMPTZ NOT NULL,
    consumer_group         VARCHAR NOT NULL,
    topic                  VARCHAR NOT NULL,
    partition              INTEGER NOT NULL,
    committed              BIGINT,            -- next offset of the group; null before its first commit
    end_offset             BIGINT NOT NULL,   -- what a read_committed reader can reach
    high_watermark         BIGINT NOT NULL,   -- what is written
    messages               BIGINT NOT NULL,   -- that wait
    seconds                DOUBLE NOT NULL,   -- age of the oldest that waits
    own                    BOOLEAN NOT NULL,  -- a group of this installation
    status                 VARCHAR,           -- ok, paused, warning, rewound, stalled, stopped or error; as of docs/lag.md
    inflow                 DOUBLE,            -- offsets a second that arrive; null with one look
    outflow                DOUBLE,            -- offsets a second that the group takes; null with one look
    catch_up_seconds       DOUBLE,            -- until nothing waits, at these rates; null when it never comes to that
    retention_left_seconds DOUBLE,            -- until retention may take the oldest that waits; null when none waits
    text                   VARCHAR            -- what is to be said of it
);

INSERT INTO lag_snapshots
SELECT *, true, NULL, NULL, NULL, NULL, NULL, NULL FROM lag_snapshots_before;

DROP TABLE lag_snapshots_before;

CREATE TABLE process_samples (
    taken_at      TIMESTAMPTZ NOT NULL,
    process       VARCHAR NOT NULL,     -- a producer, validator or loader, as its sign of life is named
    pid           BIGINT NOT NULL,
    cpu_seconds   DOUBLE NOT NULL,      -- that it has used since it started
    cpu_share     DOUBLE,               -- of one core since its sample before; null in its first
    memory_bytes  BIGINT NOT NULL,      -- that it holds
    writes        BIGINT,               -- since it started: transactions of a validator, batches of a producer
    written       DOUBLE,               -- seconds that these took in all
    write_seconds DOUBLE                -- that one took, on average since its sample before; null without one
);
