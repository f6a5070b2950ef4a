"""The courses of all groups: one file in the state directory, shared by all who look.

The watch sensor, the snapshots and `iot-platform lag` look from different processes; without the file each look would
be the first. It is small: some looks and commits for each group and partition.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from iot_platform.lifecycle import waited_lease, write_if_possible
from iot_platform.settings import Settings
from iot_platform.stream.groups import ClusterLook, GroupLook
from iot_platform.stream.offsets import PartitionFigures
from iot_platform.watch.lag.course import Course, Look, after, begun_anew
from iot_platform.watch.lag.judging import Place

log = logging.getLogger(__name__)

_LEASE_SECONDS = 5.0

Courses = dict[str, dict[str, Course]]
"""By group, by `topic/partition`."""


@dataclass(frozen=True)
class Kept:
    """One watch: its file, how many looks make a course there, and how often it looks."""

    file_name: str
    looks: int
    every_seconds: float


def with_look(settings: Settings, look: ClusterLook, kept: Kept | None = None) -> Mapping[str, Mapping[Place, Course]]:
    """The courses of what was looked at, this look included.

    It is kept for the next look where the last was half an interval ago or longer: who asks again and again would
    else see seconds in place of minutes.
    """
    kept = kept or Kept("course.json", settings.lag.looks, settings.dagster.watch_interval_seconds)
    path = settings.state_dir / "lag" / kept.file_name
    interval_ms = kept.every_seconds * 1000
    deadline = time.monotonic() + _LEASE_SECONDS
    with waited_lease(path.with_suffix(".lock"), lambda: time.monotonic() < deadline) as held:
        before = _read(path)
        now = added(before, look, kept.looks, interval_ms)
        if held and abs(look.at_ms - _newest_ms(before)) >= interval_ms / 2:
            write_if_possible(path, msgspec.json.encode(now).decode())
    return {
        group.group: {(part.topic, part.partition): now[group.group][_key(part)] for part in group.partitions}
        for group in look.groups
    }


def added(before: Courses, look: ClusterLook, size: int, interval_ms: float) -> Courses:
    """The courses with one look more. Pure.

    Where nobody looked for as long as a whole course takes, it begins anew, and only where the log ended is still
    known. What is not in the look, such as a group whose coordinator moves, is kept for as long.
    """
    longest_ms = size * interval_ms

    def is_recent(course: Course) -> bool:
        return 0 <= look.at_ms - course.now.at_ms <= longest_ms

    def continued(course: Course | None) -> Course:
        if course is None or look.at_ms < course.now.at_ms:
            return Course()
        return course if is_recent(course) else begun_anew(course)

    now = {
        group: {key: course for key, course in courses.items() if is_recent(course)}
        for group, courses in before.items()
    }
    for group in look.groups:
        mine = before.get(group.group, {})
        fresh = {
            key: after(continued(mine.get(key)), _look(part, group), size)
            for key, part in ((_key(part), part) for part in group.partitions)
        }
        now[group.group] = {**now.get(group.group, {}), **fresh}
    return {group: courses for group, courses in now.items() if courses}


def _look(part: PartitionFigures, group: GroupLook) -> Look:
    return Look(
        part.asked_at_ms, part.low, part.end, part.high, part.committed, group.active, oldest_at_ms=part.oldest_at_ms
    )


def _key(part: PartitionFigures) -> str:
    return f"{part.topic}/{part.partition}"


def _newest_ms(courses: Courses) -> float:
    return max((course.now.at_ms for group in courses.values() for course in group.values()), default=float("-inf"))


def _read(path: Path) -> Courses:
    """What was kept; nothing where there is no file, or one of other times: the watch then begins anew."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Courses)
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        log.warning("%s is begun anew: %s", path, error)
        return {}
