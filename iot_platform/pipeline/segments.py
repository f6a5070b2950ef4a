"""Segments of the reader's copy, and which of them to merge: by their size, as log-structured stores do. Pure.

A merge takes segments of one size class and makes one of a higher class, so a row is rewritten once a class at most
(logarithmic write amplification), and a big segment is never rewritten for the sake of small ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

_MERGE_AT = 8  # segments of one size class and day become one
_BITS = 3  # a class spans a factor of 8 = _MERGE_AT: a merge always lands in a higher one
LARGE_ROWS = 1_048_576  # some 40 MB of Parquet: readers gain nothing from larger files


@dataclass(frozen=True)
class Segment:
    """One Parquet file of rows of one table that were loaded on one day (UTC), or of a week of a mart, by its Monday.

    Its name never comes back, not even when load numbers do after a restore: readers may still have the old file open.
    """

    table: str
    day: str
    rows: int
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def path(self) -> str:
        """Below the directory of the copy."""
        return f"{self.table}/{self.day}/{self.name}.parquet"

    @property
    def size_class(self) -> int:
        return (self.rows.bit_length() - 1) // _BITS


def due_merges(segments: Iterable[Segment], today: str) -> list[list[Segment]]:
    """Groups of segments to merge into one each: 8 of one class, or all that a day left behind when it is over."""
    groups: dict[tuple[str, str, int], list[Segment]] = {}
    for segment in segments:
        if segment.rows < LARGE_ROWS:
            size_class = segment.size_class if segment.day >= today else -1
            groups.setdefault((segment.table, segment.day, size_class), []).append(segment)
    return [group for (_, day, _), group in groups.items() if len(group) >= (_MERGE_AT if day >= today else 2)]


def merged(group: list[Segment]) -> Segment:
    """The segment that takes the place of `group`."""
    return Segment(group[0].table, group[0].day, sum(segment.rows for segment in group))


def versioned(table: str, day: str, version: str) -> Segment:
    """A segment of rows that are written as a whole each time; its name begins with their version.

    The rest of it is new each time: the same version may be written again after a crash.
    """
    return Segment(table, day, 0, f"{version}-{uuid.uuid4().hex}")


def version_of(segment: Segment) -> str:
    return segment.name.partition("-")[0]
