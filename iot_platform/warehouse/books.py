"""What the warehouse can tell an audit: the ledger it loaded, what loads said they brought, and what is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import duckdb


@dataclass(frozen=True)
class LedgerSpan:
    """Raw offsets `first` to `last`, both inclusive, of one partition, and what became of them."""

    partition: int
    first: int
    last: int
    valid: int
    repaired: int
    dead: int
    duplicates: int
    gaps: int

    @property
    def covered(self) -> int:
        return self.last - self.first + 1

    @property
    def accounted(self) -> int:
        return self.valid + self.dead + self.duplicates + self.gaps


@dataclass(frozen=True)
class LoadedRange:
    """One table, partition and day of loading: the offsets loads covered, the rows they brought, the rows there are.

    Rows that retention removed count as there: they were loaded, and their removal was decided.

    `offsets` counts the rows there are without repetition, so that a doubled row cannot stand in for a lost one.
    """

    table: str
    partition: int
    day: str
    first: int
    last: int
    loaded: int
    there: int
    offsets: int


@dataclass(frozen=True)
class Books:
    """One stream, as of one moment."""

    ledger: tuple[LedgerSpan, ...]
    ranges: tuple[LoadedRange, ...]
    next_offsets: dict[tuple[str, int], int]


def read_books(connection: duckdb.DuckDBPyConnection, stream: str) -> Books:
    """In one transaction, so that rows, ledger and offsets belong together."""
    connection.begin()
    try:
        ledger = connection.execute(_LEDGER, [stream]).fetchall()
        ranges = connection.execute(_RANGES, {"stream": stream}).fetchall()
        offsets = connection.execute("SELECT topic, partition, next_offset FROM topic_offsets").fetchall()
    finally:
        connection.rollback()
    return Books(
        ledger=tuple(LedgerSpan(*row) for row in ledger),
        ranges=tuple(_range(row) for row in ranges),
        next_offsets={(topic, partition): offset for topic, partition, offset in offsets},
    )


def _range(row: tuple[Any, ...]) -> LoadedRange:
    table, partition, day, first, last, loaded, there, offsets = row
    return LoadedRange(table, partition, day.isoformat(), first, last, loaded, there, offsets)


_LEDGER = """
SELECT partition, first_offset, last_offset, valid, repaired, dead, duplicates, gaps
FROM ledger WHERE stream = ? ORDER BY partition, first_offset, last_offset
"""

# Full join: rows that no load claims are as wrong as claims without rows.
_RANGES = """
WITH there AS (
    SELECT 'readings' AS table_name, partition, loaded_at::DATE AS day,
           min(kafka_offset) AS first, max(kafka_offset) AS last, count(*) AS rows,
           count(DISTINCT kafka_offset) AS offsets
    FROM readings WHERE stream = $stream GROUP BY ALL
    UNION ALL
    SELECT 'dead_letters', partition, loaded_at::DATE, min(kafka_offset), max(kafka_offset), count(*),
           count(DISTINCT kafka_offset)
    FROM dead_letters WHERE stream = $stream GROUP BY ALL
)
SELECT coalesce(l.table_name, t.table_name), coalesce(l.partition, t.partition), coalesce(l.loaded_on, t.day),
       coalesce(l.first_offset, t.first), coalesce(l.last_offset, t.last),
       coalesce(l.row_count, 0),
       if(l.removed, l.row_count, coalesce(t.rows, 0)), if(l.removed, l.row_count, coalesce(t.offsets, 0))
FROM (SELECT * FROM load_ranges WHERE stream = $stream) l
FULL JOIN there t ON l.table_name = t.table_name AND l.partition = t.partition AND l.loaded_on = t.day
ORDER BY ALL
"""


def message_ids(connection: duckdb.DuckDBPyConnection, stream: str) -> Counter[str]:
    """How often each id is among the stream's readings."""
    sql = "SELECT message_id, count(*) FROM readings WHERE stream = ? GROUP BY message_id"
    return Counter({str(message_id): count for message_id, count in connection.execute(sql, [stream]).fetchall()})
