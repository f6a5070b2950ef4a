-- What alerts remember. A file of its own: alerts must work while the warehouse is locked.
-- No keys: one evaluator writes at a time, and it replaces the rows that changed in one transaction.

CREATE TABLE incidents (
    rule        VARCHAR NOT NULL,
    subject     VARCHAR NOT NULL,
    level       VARCHAR NOT NULL,
    title       VARCHAR NOT NULL,
    what_to_do  VARCHAR NOT NULL,
    text        VARCHAR NOT NULL,       -- with the figure, as last seen
    kind        VARCHAR NOT NULL,       -- of the signal
    signal      VARCHAR NOT NULL,
    source      VARCHAR NOT NULL,
    since       TIMESTAMPTZ NOT NULL,   -- first seen
    fired_at    TIMESTAMPTZ,            -- null: has not held long enough yet
    noticed_at  TIMESTAMPTZ,            -- fired, or last reminded of
    reminders   INTEGER NOT NULL,
    well_since  TIMESTAMPTZ,
    resolved_at TIMESTAMPTZ
);

CREATE SEQUENCE notice_ids START 1;

CREATE TABLE notices (
    notice_id BIGINT NOT NULL,
    event     VARCHAR NOT NULL,         -- fired, reminded, resolved
    told_at   TIMESTAMPTZ NOT NULL,
    subject   VARCHAR NOT NULL,         -- the line that people read
    incident  JSON NOT NULL             -- as it was then
);

-- One row a notice and channel; none where the notice goes nowhere.
CREATE TABLE deliveries (
    notice_id BIGINT NOT NULL,
    channel   INTEGER NOT NULL,         -- its number in alerts.channels, from 1
    scheme    VARCHAR NOT NULL,
    outcome   VARCHAR NOT NULL,         -- pending, sent, failed (given up)
    attempts  INTEGER NOT NULL,
    next_at   TIMESTAMPTZ,
    detail    VARCHAR NOT NULL
);
