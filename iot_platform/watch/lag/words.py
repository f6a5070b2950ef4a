"""The sentences: of a partition, of a group. Each has its figures in it."""

from __future__ import annotations

from collections.abc import Sequence

from iot_platform.clock import duration
from iot_platform.watch.lag.cases import Finding
from iot_platform.watch.lag.course import Course
from iot_platform.watch.lag.figures import Behind, Rates
from iot_platform.watch.lag.rules import Status
from iot_platform.watch.lag.verdict import PartitionLag

NOBODY = frozenset({"EMPTY", "DEAD"})
"""Kafka's words for a group without members."""


def of_partition(
    course: Course, status: Status, behind: Behind, rates: Rates, catch_up: float | None, found: Sequence[Finding]
) -> str:
    """What holds back or endangers first, then what the course says."""
    own = [finding.text for finding in found]
    return " ".join([*own, _by_course(course, status, behind, rates, catch_up)])


def _by_course(course: Course, status: Status, behind: Behind, rates: Rates, catch_up: float | None) -> str:
    look = course.now
    if look.messages == 0:
        return "Nothing waits."
    waits = _waiting(look.messages, behind)
    if status in (Status.OK, Status.WARNING):
        slow = "Falling behind: " if status is Status.WARNING else ""
        ahead = "" if catch_up is None else f"; caught up in {duration(catch_up)}"
        return f"{slow}{waits}{_pace(rates)}{ahead}."
    return f"{_trouble(course, status)}{waits}."


def _trouble(course: Course, status: Status) -> str:
    """What is wrong, up to what waits meanwhile."""
    if status is Status.PAUSED:
        return "Paused: "
    commits, offset = course.commits, course.now.next_offset
    if status is Status.STOPPED:
        return f"Stopped: no commit for {duration((course.now.at_ms - commits[-1].at_ms) / 1000)}, while "
    if status is Status.STALLED:
        span = duration((course.now.at_ms - course.since_ms) / 1000)
        return f"Stalled: it stands at offset {offset:,} for {span}, while "
    return f"Rewound: it went back from offset {max(commit.offset for commit in commits):,} to {offset:,}; "


def _waiting(messages: int, behind: Behind) -> str:
    one = messages == 1
    least = "at least " if behind.origin == "at_least" else ""
    oldest = "" if one else " the oldest"
    verb = "waits" if one else "wait,"
    return f"{messages:,} {'offset' if one else 'offsets'} {verb}{oldest} for {least}{duration(behind.seconds)}"


def _pace(rates: Rates) -> str:
    if rates.inflow is None or rates.outflow is None:
        return ""
    return f"; it takes {rates.outflow:,.1f} a second of {rates.inflow:,.1f} that arrive"


def of_group(group: str, state: str | None, status: Status, parts: Sequence[PartitionLag]) -> str:
    """One sentence on the group, then the worst partition's own."""
    if not parts:
        return f"{group} has no partition to read."
    worst = max(parts, key=lambda part: (part.status.severity, part.behind.seconds, part.messages))
    if status is Status.OK:
        return _well(group, parts, worst)
    bad = sum(part.status is status for part in parts)
    where = f"{worst.topic}/{worst.partition}: {worst.text}"
    if status is Status.STOPPED and state in NOBODY:
        return f"{group} is down: it has no member. {where}"
    word = "behind" if status is Status.WARNING and not worst.findings else str(status)
    return f"{group} is {_said(word)} on {bad} of {len(parts)} partitions. {where}"


def _said(word: str) -> str:
    return {"error": "in trouble", "warning": "held back"}.get(word, word)


def _well(group: str, parts: Sequence[PartitionLag], worst: PartitionLag) -> str:
    messages = sum(part.messages for part in parts)
    full = sum(part.complete == 1.0 for part in parts)
    course = "" if full == len(parts) else f" Its course is known for {full} of {len(parts)} partitions only."
    if messages == 0:
        return f"{group} has all.{course}"
    return f"{group} keeps up: {_waiting(messages, worst.behind)}.{course}"
