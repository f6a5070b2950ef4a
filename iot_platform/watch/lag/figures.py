"""Figures of a course: rates, seconds, and what they lead to. Never NaN, never infinite: what is not known is None."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from iot_platform.watch.lag.course import Course, Mark

_MS = 1000.0
_IN_STEP_SHARE = 0.05  # less than the looks can tell

Origin = Literal["record", "course", "at_least"]


@dataclass(frozen=True)
class Behind:
    """How long the oldest record that waits has waited, and how that is known.

    `record`: from its own time stamp. `course`: from when the log's end passed it, between two looks. `at_least`: it
    was there before the first look that is remembered.
    """

    seconds: float
    origin: Origin


@dataclass(frozen=True)
class Rates:
    """Offsets a second over the looks: written, and taken. None with less than two looks."""

    inflow: float | None
    outflow: float | None


def behind(course: Course, now_ms: int) -> Behind:
    """By the record's own time stamp where somebody read it, else by the course of the log's end."""
    look = course.now
    if look.messages == 0:
        return Behind(0.0, "course")
    if look.oldest_at_ms is not None:
        return Behind(max(0.0, (now_ms - look.oldest_at_ms) / _MS), "record")
    written_at_ms = _written_at_ms(course.marks, look.next_offset)
    if written_at_ms is None:
        return Behind(max(0.0, (now_ms - course.marks[0].at_ms) / _MS), "at_least")
    return Behind(max(0.0, (now_ms - written_at_ms) / _MS), "course")


def _written_at_ms(marks: tuple[Mark, ...], offset: int) -> float | None:
    """When the log's end went over `offset`, by a straight line between the marks around it; None: before them."""
    for before, later in pairwise(marks):
        if before.end <= offset < later.end:
            share = (offset - before.end) / (later.end - before.end)
            return before.at_ms + share * (later.at_ms - before.at_ms)
    return None


def rates(course: Course) -> Rates:
    first, last = course.looks[0], course.now
    seconds = (last.at_ms - first.at_ms) / _MS
    if seconds <= 0:
        return Rates(None, None)
    taken = last.next_offset - first.next_offset if last.committed is not None else 0
    return Rates(max(0.0, (last.end - first.end) / seconds), max(0.0, taken / seconds))


def catch_up_seconds(messages: int, of: Rates) -> float | None:
    """Until nothing waits, if both rates stay; 0 when nothing does; None when it does not come to that, or unknown."""
    if messages == 0:
        return 0.0
    if of.inflow is None or of.outflow is None or of.outflow <= of.inflow:
        return None
    return messages / (of.outflow - of.inflow)


def retention_left_seconds(messages: int, seconds: float, kept_seconds: float | None) -> float | None:
    """Until retention may take the oldest record that waits, at the earliest; None when none waits or all is kept.

    Kafka removes whole segments, and only once their newest record is too old: it may stay for longer.
    """
    if messages == 0 or kept_seconds is None:
        return None
    return max(0.0, kept_seconds - seconds)


def overtaken_seconds(left_seconds: float | None, of: Rates) -> float | None:
    """Until retention overtakes the reader at the pace of now; None when it never does, or is not known.

    A reader as fast as the inflow, or nearly so, keeps its distance; one that stands still loses a second a second.
    """
    if left_seconds is None or of.inflow is None or of.outflow is None:
        return None
    if of.outflow == 0:
        return left_seconds
    lost_a_second = 1 - of.outflow / of.inflow if of.inflow > 0 else 0.0
    return left_seconds / lost_a_second if lost_a_second > _IN_STEP_SHARE else None


def held_back_seconds(course: Course) -> float:
    """For how long an open transaction keeps readers from what is written: since the look from which the end stood."""
    since_ms = course.held_since_ms
    return 0.0 if since_ms is None else (course.now.at_ms - since_ms) / _MS


def allowed_messages(of: Rates, allowed_seconds: float) -> int:
    """What arrives within `allowed_seconds`: so much may wait at any look of a stream that is read in time."""
    return 0 if of.inflow is None else int(of.inflow * allowed_seconds)
