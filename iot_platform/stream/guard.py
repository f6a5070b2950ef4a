"""When nearly everything fails: the overflow guard's decision. Pure: counts in, a verdict out.

Judged are the newest records that are at least `records` and span at least `seconds` of stream time, so neither a burst
nor the first few records of a slow stream count. Stream time is when the platform accepted the readings: behind a
backlog it passes faster than the clock on the wall, and the guard needs no half minute of pouring to see what goes on.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NEVER_MS = 1 << 62
_PARTS = 50
"""What is smaller than this part of the limits is kept in one entry with its neighbour."""


@dataclass(frozen=True)
class GuardPolicy:
    """`share` of dead records at which the stream is to pause; 0: never."""

    share: float
    records: int
    seconds: float


@dataclass(frozen=True)
class Tally:
    """A batch, or several one after another: `oldest_ms` to `newest_ms` in stream time."""

    records: int
    dead: int
    by_reason: Mapping[str, int]
    oldest_ms: int
    newest_ms: int

    def with_next(self, other: Tally) -> Tally:
        return Tally(
            self.records + other.records,
            self.dead + other.dead,
            Counter(self.by_reason) + Counter(other.by_reason),
            min(self.oldest_ms, other.oldest_ms),
            max(self.newest_ms, other.newest_ms),
        )

    @property
    def share(self) -> float:
        return self.dead / self.records

    @property
    def seconds(self) -> float:
        return (self.newest_ms - self.oldest_ms) / 1000


class OverflowGuard:
    """Remembers the newest committed batches of one validator."""

    def __init__(self, policy: GuardPolicy, *, armed: bool = True) -> None:
        self._policy = policy
        self._past: deque[Tally] = deque()
        self.armed = armed
        """After a resume it lets all through, until the share is below the limit again."""

    def trips(self, batch: Tally) -> Tally | None:
        """What to pause for, when this batch is the last straw; nothing is remembered of it."""
        if not self.armed or self._policy.share <= 0:
            return None
        judged = self._judged(batch)
        if judged is None or _share(judged) < self._policy.share:
            return None
        total = judged[0]
        for tally in judged[1:]:
            total = total.with_next(tally)
        return total

    def committed(self, batch: Tally) -> bool:
        """Remember the batch; True when that armed the guard again."""
        if self._policy.share <= 0:
            return False
        self._remember(batch)
        if self.armed:
            return False
        judged = self._judged(batch=None)
        self.armed = judged is not None and _share(judged) < self._policy.share
        return self.armed

    def disarm(self) -> None:
        """Somebody resumed the stream: what came before counts no more."""
        self._past.clear()
        self.armed = False

    def _judged(self, batch: Tally | None) -> list[Tally] | None:
        """The fewest newest tallies that are enough, oldest first, `batch` the last; None while there are too few."""
        taken: list[Tally] = []
        records, oldest_ms, newest_ms = 0, _NEVER_MS, -_NEVER_MS
        for tally in (*([batch] if batch else []), *reversed(self._past)):
            taken.append(tally)
            records += tally.records
            oldest_ms, newest_ms = min(oldest_ms, tally.oldest_ms), max(newest_ms, tally.newest_ms)
            if self._is_enough(records, (newest_ms - oldest_ms) / 1000):
                return taken[::-1]
        return None

    def _is_enough(self, records: int, seconds: float) -> bool:
        return records >= self._policy.records and seconds >= self._policy.seconds

    def _remember(self, batch: Tally) -> None:
        if self._past and self._is_small(self._past[-1]):
            self._past.append(self._past.pop().with_next(batch))
        else:
            self._past.append(batch)
        needed = self._judged(batch=None)
        while needed is not None and len(self._past) > len(needed):
            self._past.popleft()

    def _is_small(self, tally: Tally) -> bool:
        return (
            tally.records * _PARTS < self._policy.records or tally.seconds * _PARTS < self._policy.seconds
        ) and not self._is_enough(tally.records, tally.seconds)


def _share(tallies: Sequence[Tally]) -> float:
    return sum(tally.dead for tally in tallies) / sum(tally.records for tally in tallies)
