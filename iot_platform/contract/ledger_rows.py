"""Ledger entries put together, without ever hiding a hole. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from iot_platform.contract.ledger import LedgerEntry, capped_by_sensor


@dataclass(frozen=True)
class LedgerRow:
    """What happened to the raw offsets `first_offset` to `last_offset`, both inclusive, of one partition."""

    stream: str
    partition: int
    first_offset: int
    last_offset: int
    valid: int
    repaired: int
    dead: int
    duplicates: int
    gaps: int
    entries: int
    rule_version: str
    first_at: datetime
    last_at: datetime
    by_reason: dict[str, int] = field(default_factory=dict)
    duplicates_by_sensor: dict[str, int] = field(default_factory=dict)


def row_of(entry: LedgerEntry) -> LedgerRow:
    at = datetime.fromisoformat(entry.at)
    return LedgerRow(
        entry.stream,
        entry.partition,
        entry.first,
        entry.last,
        entry.valid,
        entry.repaired,
        entry.dead,
        entry.duplicates,
        entry.gaps,
        1,
        entry.rule_version,
        at,
        at,
        dict(entry.by_reason),
        dict(entry.duplicates_by_sensor),
    )


def joins(row: LedgerRow, following: LedgerRow) -> bool:
    """Whether `following` goes on where `row` ends, in the same hour and under the same rules."""
    return (
        (row.stream, row.partition, row.rule_version) == (following.stream, following.partition, following.rule_version)
        and row.last_offset + 1 == following.first_offset
        and _hour(row.first_at) == _hour(following.last_at)
    )


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def join(row: LedgerRow, following: LedgerRow) -> LedgerRow:
    return replace(
        row,
        last_offset=following.last_offset,
        valid=row.valid + following.valid,
        repaired=row.repaired + following.repaired,
        dead=row.dead + following.dead,
        duplicates=row.duplicates + following.duplicates,
        gaps=row.gaps + following.gaps,
        entries=row.entries + following.entries,
        last_at=following.last_at,
        by_reason=dict(Counter(row.by_reason) + Counter(following.by_reason)),
        duplicates_by_sensor=capped_by_sensor(
            Counter(row.duplicates_by_sensor) + Counter(following.duplicates_by_sensor)
        ),
    )


def coalesce(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Neighbours that join become one row; the order of each partition is kept."""
    open_rows: dict[tuple[str, int], LedgerRow] = {}
    done: list[LedgerRow] = []
    for row in rows:
        place = (row.stream, row.partition)
        before = open_rows.get(place)
        if before is not None and joins(before, row):
            open_rows[place] = join(before, row)
            continue
        if before is not None:
            done.append(before)
        open_rows[place] = row
    return [*done, *open_rows.values()]
