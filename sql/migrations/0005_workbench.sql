-- What people decided about dead letters, and what became of those that were sent again. Rows are only ever added; a
-- dead letter is named by the raw record it came from (its source), whose topic follows from the stream.
CREATE SEQUENCE dlq_decision_ids START 1;

CREATE TABLE dlq_decisions (
    decision_id      BIGINT NOT NULL DEFAULT nextval('dlq_decision_ids'),  -- the newest of a dead letter counts
    stream           VARCHAR NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset    BIGINT NOT NULL,
    decision         VARCHAR NOT NULL,      -- redrive, park, release or unrecoverable
    decided_at       TIMESTAMPTZ NOT NULL,
    redrive_id       VARCHAR,               -- of the batch in which it was sent again
    patch            VARCHAR,
    patch_digest     VARCHAR,               -- changes with the patch's file
    detail           VARCHAR                -- why, in words
);

-- A batch that is sent again: written before its first record is, so that a crash leaves no doubt what was meant.
CREATE TABLE redrives (
    redrive_id VARCHAR NOT NULL,
    stream     VARCHAR NOT NULL,
    began_at   TIMESTAMPTZ NOT NULL,
    patch      VARCHAR,
    patch_text VARCHAR,                     -- the whole file: a batch that was interrupted goes on with it
    raw_ends   JSON NOT NULL                -- {partition: offset} before which none of the batch is in the raw topic
);

-- What is known of each record that was sent again.
CREATE TABLE redriven (
    stream           VARCHAR NOT NULL,
    source_partition INTEGER NOT NULL,      -- of the dead letter it was
    source_offset    BIGINT NOT NULL,
    redrive_id       VARCHAR NOT NULL,
    outcome          VARCHAR NOT NULL,      -- sent, valid, dead or duplicate
    topic            VARCHAR NOT NULL,      -- where it went: raw (sent, dead, duplicate) or validated
    partition        INTEGER NOT NULL,
    kafka_offset     BIGINT NOT NULL,
    patched          JSON,                  -- [{"patch", "fields": {field: {"from", "to"}}}], the first patch first
    known_at         TIMESTAMPTZ NOT NULL
);

-- What has become of each dead letter that somebody worked on; the others are untouched. What became of it when it was
-- sent again counts more than any decision; of decisions the newest counts.
CREATE VIEW dlq_status AS
SELECT stream, source_partition, source_offset,
       CASE
           WHEN known.valid > 0 THEN 'fixed'
           WHEN known.duplicate > 0 THEN 'duplicate'
           WHEN known.dead > 0 THEN 'dead again'
           WHEN decided.decision = 'redrive' THEN 'in flight'
           WHEN decided.decision = 'park' THEN 'parked'
           WHEN decided.decision = 'unrecoverable' THEN 'unrecoverable'
           ELSE 'untouched'
       END AS status,
       known.place, decided.redrive_id, decided.patch, decided.patch_digest, decided.detail,
       coalesce(known.known_at, decided.decided_at) AS since
FROM (
    SELECT stream, source_partition, source_offset,
           count(*) FILTER (outcome = 'valid') AS valid,
           count(*) FILTER (outcome = 'duplicate') AS duplicate,
           count(*) FILTER (outcome = 'dead') AS dead,
           arg_max(
               topic || '/' || partition || '/' || kafka_offset,
               CASE outcome WHEN 'valid' THEN 4 WHEN 'duplicate' THEN 3 WHEN 'dead' THEN 2 ELSE 1 END
           ) AS place,
           max(known_at) AS known_at
    FROM redriven
    GROUP BY ALL
) known
FULL JOIN (
    SELECT * FROM dlq_decisions
    QUALIFY row_number() OVER (PARTITION BY stream, source_partition, source_offset ORDER BY decision_id DESC) = 1
) decided USING (stream, source_partition, source_offset);

-- Built from sql/marts/dlq_outcomes.sql.
CREATE TABLE dlq_outcomes (
    stream       VARCHAR NOT NULL,
    code         VARCHAR NOT NULL,          -- a dead letter with several reasons counts under each
    status       VARCHAR NOT NULL,
    dead_letters BIGINT NOT NULL,
    sensors      BIGINT NOT NULL,
    oldest_at    TIMESTAMPTZ NOT NULL,      -- accepted
    newest_at    TIMESTAMPTZ NOT NULL
);
