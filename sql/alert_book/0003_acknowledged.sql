-- Who looks after an incident, and what they say: it is reminded of no more.
ALTER TABLE incidents ADD COLUMN acknowledged VARCHAR DEFAULT '';
