"""Time, passed in. Wall time is aware UTC; durations come from the monotonic clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC wall time."""

    def monotonic(self) -> float:
        """Seconds that never go back; for durations and deadlines only."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to; for simulations and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds


def unix_millis(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC, as Kafka's record time stamps."""
    return int(moment.timestamp() * 1000)


def from_unix_millis(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def duration(seconds: float) -> str:
    """As a person says it: 40 s, 12 min, 3.5 h, 2 days."""
    for limit, size, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{round(seconds / size, 1 if unit == 'h' else None):g} {unit}"
    return f"{seconds / 86_400:.1f} days"
