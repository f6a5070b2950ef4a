"""The lag watch: look at every group, add that to its course, and judge it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase

from iot_platform.clock import Clock
from iot_platform.contract.topology import Topology
from iot_platform.pipeline.courses import Kept, with_look
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.groups import ClusterLook, GroupLook, group_states, look_at
from iot_platform.stream.offsets import GroupFigures
from iot_platform.stream.pauses import read_standing
from iot_platform.watch.lag.cases import Limits
from iot_platform.watch.lag.judging import Circumstances, judge_group
from iot_platform.watch.lag.verdict import GroupLag


@dataclass(frozen=True)
class LagReport:
    """One look at all groups, ours first. `own`: the stream of each of ours; `figures` are ours as Kafka has them;
    `unanswered` could not be asked."""

    taken_at: datetime
    own: Mapping[str, str]
    groups: tuple[GroupLag, ...]
    figures: tuple[GroupFigures, ...]
    unanswered: tuple[str, ...]


def watch_lag(settings: Settings, clock: Clock) -> LagReport:
    """Look, keep the look when the last one is long enough ago, and judge. Raises KafkaUnavailableError."""
    return _watch(settings, clock, settings.lag.groups, None)


def watch_own(settings: Settings, clock: Clock, kept: Kept) -> LagReport:
    """The same of our groups alone, with a course of its own. Raises KafkaUnavailableError."""
    return _watch(settings, clock, (), kept)


def _watch(settings: Settings, clock: Clock, others: Iterable[str], kept: Kept | None) -> LagReport:
    clients = Clients(settings)
    own = own_groups(settings)
    states = group_states(clients)
    look = look_at(clients, own, chosen(others, states), states, clock)
    courses = with_look(settings, look, kept)
    limits = replace(limits_of(settings), looks=kept.looks) if kept else limits_of(settings)
    verdicts = tuple(
        judge_group(_circumstances(settings, group, look), courses[group.group], look.at_ms, limits)
        for group in look.groups
    )
    figures = tuple(GroupFigures(group.group, group.partitions) for group in look.groups if group.group in own)
    return LagReport(clock.now(), stream_of_groups(settings), verdicts, figures, look.unanswered)


def own_groups(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Our groups with the topics that they read."""
    groups: dict[str, tuple[str, ...]] = {}
    for stream in settings.streams:
        topology = Topology(stream)
        groups[topology.validator_group] = (topology.raw,)
        groups[topology.loader_group] = (topology.validated, topology.dead_letters, topology.ledger)
    return groups


def stream_of_groups(settings: Settings) -> dict[str, str]:
    """Our groups, each with its stream."""
    topologies = [Topology(stream) for stream in settings.streams]
    return {group: one.stream for one in topologies for group in (one.validator_group, one.loader_group)}


def chosen(patterns: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Those that a pattern names, in order."""
    return sorted({group for group in groups for pattern in patterns if fnmatchcase(group, pattern)})


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.lag.looks, settings.lag.allowed_seconds, settings.lag.held_back_seconds)


def _circumstances(settings: Settings, group: GroupLook, look: ClusterLook) -> Circumstances:
    streams = {Topology(stream).validator_group: stream for stream in settings.streams}
    stream = streams.get(group.group)
    paused = stream is not None and read_standing(settings, stream).pause is not None
    return Circumstances(group.group, group.state, paused=paused, kept_seconds=look.kept_seconds)
