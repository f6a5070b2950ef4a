"""One partition, one group: figures, status and words. Pure: courses and now in, verdicts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iot_platform.watch.lag import figures, words
from iot_platform.watch.lag.cases import Known, Limits, findings_of
from iot_platform.watch.lag.course import Course
from iot_platform.watch.lag.figures import Rates
from iot_platform.watch.lag.rules import Status, Window, status_of
from iot_platform.watch.lag.verdict import GroupLag, PartitionLag

_JUDGED_SHARE = 0.5

Place = tuple[str, int]


@dataclass(frozen=True)
class Circumstances:
    """What is known of a group beside its offsets. `kept_seconds`: by topic, for how long; None is for ever."""

    group: str
    state: str | None = None
    paused: bool = False
    kept_seconds: Mapping[str, float | None] | None = None


def judge_group(
    known: Circumstances, courses: Mapping[Place, Course], now_ms: int, limits: Limits | None = None
) -> GroupLag:
    """The verdict on every partition, and on the group."""
    limits = limits or Limits()
    parts = tuple(_judge_partition(known, place, courses[place], now_ms, limits) for place in sorted(courses))
    status = max((part.status for part in parts), key=lambda one: one.severity, default=Status.OK)
    messages = sum(part.messages for part in parts)
    whole = Rates(_total([part.rates.inflow for part in parts]), _total([part.rates.outflow for part in parts]))
    catch_ups = [part.catch_up_seconds for part in parts]
    return GroupLag(
        known.group,
        known.state,
        parts,
        messages,
        max((part.behind.seconds for part in parts), default=0.0),
        whole,
        None if None in catch_ups else max((each for each in catch_ups if each is not None), default=0.0),
        _least([part.retention_left_seconds for part in parts]),
        _least([part.overtaken_seconds for part in parts]),
        sum(part.complete == 1.0 for part in parts) / len(parts) if parts else 0.0,
        status,
        words.of_group(known.group, known.state, status, parts),
    )


def _judge_partition(known: Circumstances, place: Place, course: Course, now_ms: int, limits: Limits) -> PartitionLag:
    messages = course.now.messages
    behind, rates = figures.behind(course, now_ms), figures.rates(course)
    kept_seconds = (known.kept_seconds or {}).get(place[0])
    left = figures.retention_left_seconds(messages, behind.seconds, kept_seconds)
    overtaken = figures.overtaken_seconds(left, rates)
    complete = min(1.0, len(course.looks) / limits.looks)
    judged = complete >= _JUDGED_SHARE
    found = findings_of(
        Known(course, messages, figures.held_back_seconds(course), kept_seconds, left, overtaken, judged), limits
    )
    by_course = _by_course(known, course, now_ms, limits, judged=judged)
    status = max((by_course, *(finding.status for finding in found)), key=lambda one: one.severity)
    catch_up = figures.catch_up_seconds(messages, rates)
    return PartitionLag(
        *place, course, messages, behind, rates, catch_up, left, overtaken, complete, status, found,
        words.of_partition(course, by_course, behind, rates, catch_up, found),
    )  # fmt: skip


def _by_course(known: Circumstances, course: Course, now_ms: int, limits: Limits, *, judged: bool) -> Status:
    look = course.now
    if known.paused and look.messages:
        return Status.PAUSED
    if not judged:
        return Status.OK
    allowed = figures.allowed_messages(figures.rates(course), limits.allowed_seconds)
    ends = tuple(each.end for each in course.looks)
    return status_of(Window(course.commits, ends, look.messages, now_ms, allowed))


def _total(rates: list[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def _least(seconds: list[float | None]) -> float | None:
    return min((each for each in seconds if each is not None), default=None)
