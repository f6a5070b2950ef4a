-- Incidents that belong to a stream, tell of others, or are silenced; and the silences.

ALTER TABLE incidents ADD COLUMN stream VARCHAR DEFAULT '';
ALTER TABLE incidents ADD COLUMN runbook VARCHAR DEFAULT '';       -- its page, or an address
ALTER TABLE incidents ADD COLUMN also VARCHAR[] DEFAULT [];        -- titles of what followed from it
ALTER TABLE incidents ADD COLUMN covered_by VARCHAR DEFAULT '';    -- title of the cause that tells of it
ALTER TABLE incidents ADD COLUMN covered_at TIMESTAMPTZ;           -- when one last did
ALTER TABLE incidents ADD COLUMN silenced VARCHAR DEFAULT '';      -- why it is not told
ALTER TABLE incidents ADD COLUMN untold BOOLEAN DEFAULT false;     -- it fires and nobody was told

CREATE TABLE silences (
    rule    VARCHAR NOT NULL,      -- or *
    subject VARCHAR NOT NULL,      -- as incidents name it; empty: any
    made_at TIMESTAMPTZ NOT NULL,
    until   TIMESTAMPTZ NOT NULL,  -- moved to the moment at which somebody ended it
    made_by VARCHAR NOT NULL,
    because VARCHAR NOT NULL
);
