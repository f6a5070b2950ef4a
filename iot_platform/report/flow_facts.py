"""The facts of a report about the platform, each a row of one query of sql/report/ or of the book of alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Unbuilt:
    """Rows of a stream that are in the warehouse and not in the marts, so that nothing here speaks of them."""

    stream: str
    records: int
    since: date


@dataclass(frozen=True)
class Lag:
    consumer_group: str
    seconds: float
    worst_at: datetime
    messages: int
    seconds_at_end: float
    snapshots: int


@dataclass(frozen=True)
class Pause:
    """A time in which no sensor of the stream sent a record; `seconds` are those within the period.

    `began_at` is the newest record before it, which may be of an earlier day; open: no record ended it in the period.
    """

    stream: str
    began_at: datetime
    seconds: float
    whole_seconds: float
    open: bool


@dataclass(frozen=True)
class Audit:
    stream: str
    taken_at: datetime
    raw: int
    valid: int
    repaired: int
    dead: int
    duplicates: int
    in_flight: int
    loaded_valid: int
    loaded_dead: int
    unaccounted: int
    findings: int
    first_finding: str


@dataclass(frozen=True)
class Offsets:
    """Offsets of one partition, both included; `topic` says which of the stream's topics."""

    stream: str
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    records: int


@dataclass(frozen=True)
class Alert:
    """An incident that fired, or was still firing, within the period."""

    rule: str
    subject: str
    level: str
    title: str
    text: str
    what_to_do: str
    fired_at: datetime
    resolved_at: datetime | None
    reminders: int
    signal: str
    stream: str  # empty: of the platform
