-- Incidents that belong to a stream, tell of others, or are silenced; and the silences.
-- A new table in place of the old one: DuckDB alters a table with rows only once in a transaction.

CREATE TABLE more_incidents (
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
    fired_at    TIMESTAMPTZ,            -- null: has not held long enough yet, or a cause tells of it
    noticed_at  TIMESTAMPTZ,            -- fired, or last reminded of
    reminders   INTEGER NOT NULL,
    well_since  TIMESTAMPTZ,
    resolved_at TIMESTAMPTZ,
    stream      VARCHAR NOT NULL DEFAULT '',
    runbook     VARCHAR NOT NULL DEFAULT '',    -- its page, or an address
    also        VARCHAR[] NOT NULL DEFAULT [],  -- titles of what followed from it
    covered_by  VARCHAR NOT NULL DEFAULT '',    -- title of the cause that tells of it
    covered_at  TIMESTAMPTZ,                    -- when one last did
    silenced    VARCHAR NOT NULL DEFAULT '',    -- why it is not told
    untold      BOOLEAN NOT NULL DEFAULT false  -- it fires and nobody was told
);
INSERT INTO more_incidents BY NAME SELECT * FROM incidents;
DROP TABLE incidents;
ALTER TABLE more_incidents RENAME TO incidents;

CREATE TABLE silences (
    rule    VARCHAR NOT NULL,      -- or *
    subject VARCHAR NOT NULL,      -- as incidents name it; empty: any
    made_at TIMESTAMPTZ NOT NULL,
    until   TIMESTAMPTZ NOT NULL,  -- moved to the moment at which somebody ended it
    made_by VARCHAR NOT NULL,
    because VARCHAR NOT NULL
);
