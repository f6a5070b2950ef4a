"""Hours, as marts are built. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from iot_platform.errors import UsageError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Hours:
    """Whole hours in UTC from `start` to before `end`. Raises UsageError when they are none."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment.utcoffset() is None or moment.astimezone(UTC) != floor_hour(moment):
                raise UsageError(
                    f"{moment.isoformat()} does not begin an hour in UTC.",
                    next_step="Give both ends with a zone, on the hour.",
                )
        if self.start >= self.end:
            raise UsageError(
                f"The hours from {self.start.isoformat()} to {self.end.isoformat()} are none.",
                next_step="Give the later end second.",
            )

    @property
    def count(self) -> int:
        return (self.end - self.start) // HOUR


def floor_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def runs(hours: Iterable[datetime], longest: int) -> list[Hours]:
    """Hours in order, neighbours together, at most `longest` of them in one."""
    found: list[Hours] = []
    for hour in sorted(set(hours)):
        if found and found[-1].end == hour and found[-1].count < longest:
            found[-1] = Hours(found[-1].start, hour + HOUR)
        else:
            found.append(Hours(hour, hour + HOUR))
    return found


def split(hours: Hours, longest: int) -> list[Hours]:
    """The same hours in pieces of at most `longest`."""
    pieces = []
    start = hours.start
    while start < hours.end:
        end = min(start + longest * HOUR, hours.end)
        pieces.append(Hours(start, end))
        start = end
    return pieces
