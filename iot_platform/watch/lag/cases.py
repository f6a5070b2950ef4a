"""What a course of offsets cannot say by itself: each case is one function with its own words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from iot_platform.clock import duration
from iot_platform.watch.lag.course import Course
from iot_platform.watch.lag.rules import Status

NEAR_SHARE = 0.1
NEAR_SECONDS = 3_600.0

Code = Literal["beyond_end", "lost_to_retention", "went_back", "retention_near", "held_back", "never_committed", "down"]


@dataclass(frozen=True)
class Known:
    """What the cases look at, of one partition. `judged`: the course is long enough to say that somebody stands."""

    course: Course
    messages: int
    held_back_seconds: float
    kept_seconds: float | None
    left_seconds: float | None
    overtaken_seconds: float | None
    judged: bool


@dataclass(frozen=True)
class Limits:
    """`looks` make a course; what arrived within `allowed_seconds` may wait; a transaction may be open for so long."""

    looks: int = 10
    allowed_seconds: float = 10.0
    held_back_seconds: float = 60.0


@dataclass(frozen=True)
class Finding:
    """A case that holds, and the status that it makes a partition at least."""

    code: Code
    status: Status
    text: str


def findings_of(known: Known, limits: Limits) -> tuple[Finding, ...]:
    """All cases that hold, the worst first."""
    found = [finding for case in _CASES if (finding := case(known, limits)) is not None]
    return tuple(sorted(found, key=lambda finding: -finding.status.severity))


def _beyond_end(known: Known, _: Limits) -> Finding | None:
    look = known.course.now
    if look.committed is None or look.committed <= look.high:
        return None
    text = (
        f"The group stands at offset {look.committed:,}, but the log ends at {look.high:,}: the topic was made anew, "
        "or the group was moved by hand."
    )
    return Finding("beyond_end", Status.ERROR, text)


def _lost_to_retention(known: Known, _: Limits) -> Finding | None:
    look = known.course.now
    if look.committed is None or look.committed >= look.low:
        return None
    text = (
        f"Retention removed {look.low - look.committed:,} offsets that the group has not taken: it stands at "
        f"{look.committed:,}, the log begins at {look.low:,}."
    )
    return Finding("lost_to_retention", Status.ERROR, text)


def _went_back(known: Known, _: Limits) -> Finding | None:
    step = known.course.back_step
    if step is None:
        return None
    text = (
        f"The log's end went back from {step.before:,} to {step.after:,}: the topic was made anew, or its brokers lost "
        "records."
    )
    return Finding("went_back", Status.ERROR, text)


def _retention_near(known: Known, _: Limits) -> Finding | None:
    """Less than a tenth of what is kept is left, or less than an hour; and it comes to that at the pace of now."""
    if known.left_seconds is None or known.kept_seconds is None or known.overtaken_seconds is None:
        return None
    if known.left_seconds >= max(NEAR_SHARE * known.kept_seconds, min(NEAR_SECONDS, known.kept_seconds / 2)):
        return None
    text = (
        f"Retention may take the oldest record that waits in {duration(known.left_seconds)}, and overtakes the group "
        f"in {duration(known.overtaken_seconds)} at its present pace."
    )
    return Finding("retention_near", Status.ERROR, text)


def _held_back(known: Known, limits: Limits) -> Finding | None:
    if known.held_back_seconds < limits.held_back_seconds:
        return None
    look = known.course.now
    text = (
        f"An open transaction has held back {look.high - look.end:,} offsets for {duration(known.held_back_seconds)}: "
        f"nobody who reads committed records gets beyond {look.end:,}."
    )
    return Finding("held_back", Status.WARNING, text)


def _never_committed(known: Known, _: Limits) -> Finding | None:
    look = known.course.now
    if look.committed is not None or known.messages == 0:
        return None
    if not known.judged:
        return Finding("never_committed", Status.OK, "The group has never committed an offset here.")
    for_ = duration((look.at_ms - known.course.since_ms) / 1000)
    if look.active:
        text = f"The group has members, and has not committed an offset here in {for_}."
        return Finding("never_committed", Status.STALLED, text)
    text = f"The group has never committed an offset here, and had no member for {for_}."
    return Finding("never_committed", Status.STOPPED, text)


_CASES: tuple[Callable[[Known, Limits], Finding | None], ...] = (
    _beyond_end,
    _lost_to_retention,
    _went_back,
    _retention_near,
    _held_back,
    _never_committed,
)
