-- How good what a sensor, a place or a stream sends is, from 0 to 100; for the marts, the report and anybody's own questions.
--
-- score = 100 × (1 - share of dead) × (1 - share of nulls / 2) × (1 - share of duplicates / 2)
-- A dead record is lost to its readers and counts in full; a null field or a repeat is half as bad. Nulls are of the
-- four fields that a reading may lack (unit, location, battery_level, signal_strength), as they were sent; the share
-- of duplicates is among valid and duplicates. What sent nothing did nothing wrong: 100.
CREATE MACRO quality_score(valid, dead, nulls, duplicates) AS
    round(
        100 * (1 - coalesce(dead / nullif(valid + dead, 0), 0))
            * (1 - coalesce(nulls / nullif(4 * valid, 0), 0) / 2)
            * (1 - coalesce(duplicates / nullif(valid + duplicates, 0), 0) / 2),
        1);
