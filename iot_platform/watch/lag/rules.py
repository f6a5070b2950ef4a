"""What the course of a group on one partition says of it. Each rule is one sentence over a window, without a threshold.

The rules and their order are those of LinkedIn's Burrow (core/internal/evaluator), told anew; its own table of windows
is their proof (tests/watch/lag/burrow_windows.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Status(StrEnum):
    """From well to worst. `error`: offsets in doubt; `paused`: by its overflow guard or a person, and meant."""

    OK = "ok"
    PAUSED = "paused"
    WARNING = "warning"
    REWOUND = "rewound"
    STALLED = "stalled"
    STOPPED = "stopped"
    ERROR = "error"

    @property
    def severity(self) -> int:
        return list(Status).index(self)


@dataclass(frozen=True)
class Commit:
    """The group stood at `offset` at that moment; `lag` is None where the log's end was not known then."""

    offset: int
    at_ms: int
    lag: int | None


@dataclass(frozen=True)
class Window:
    """The last commits, oldest first, and the log's last ends. A lag up to `allowed` counts as none."""

    commits: tuple[Commit, ...]
    ends: tuple[int, ...]
    lag: int
    now_ms: int
    allowed: int = 0


def status_of(window: Window) -> Status:
    """The first rule that holds, the worst one first. Who has no lag now is ok, whatever was."""
    if not window.commits or not is_behind(window):
        return Status.OK
    if has_stopped(window) and not was_level_lately(window):
        return Status.STOPPED
    if has_rewound(window):
        return Status.REWOUND
    if was_ever_level(window):
        return Status.OK
    if stands_still(window):
        return Status.STALLED
    return Status.WARNING if grows(window) else Status.OK


def is_behind(window: Window) -> bool:
    """There is more to read than is allowed to wait."""
    return window.lag > window.allowed


def has_stopped(window: Window) -> bool:
    """The last commit is longer ago than the whole window took."""
    first, last = window.commits[0], window.commits[-1]
    return window.now_ms - last.at_ms > last.at_ms - first.at_ms


def was_level_lately(window: Window) -> bool:
    """The log ended, not long ago, where the group stands: what waits is new, and deserves a moment."""
    return any(end <= window.commits[-1].offset for end in window.ends)


def has_rewound(window: Window) -> bool:
    """The group went back, and has not come again to where it was before."""
    offsets = [commit.offset for commit in window.commits]
    for place, (before, after) in enumerate(pairwise(offsets), start=1):
        if after < before:
            return max(offsets[place:]) < before
    return False


def was_ever_level(window: Window) -> bool:
    """At some commit of the window nothing waited."""
    return any(commit.lag is not None and commit.lag <= window.allowed for commit in window.commits)


def stands_still(window: Window) -> bool:
    """Every commit of the window is the same."""
    return all(before.offset == after.offset for before, after in pairwise(window.commits))


def gained(window: Window) -> bool:
    """The lag became less, once at least, from one commit to the next."""
    return any(after < before for before, after in pairwise(_lags(window)))


def grows(window: Window) -> bool:
    """The lag never became less, and by more than is allowed it became more. (To Burrow it need not: docs/lag.md.)"""
    lags = _lags(window)
    return not gained(window) and bool(lags) and lags[-1] - lags[0] > window.allowed


def _lags(window: Window) -> list[int]:
    return [commit.lag for commit in window.commits if commit.lag is not None]
