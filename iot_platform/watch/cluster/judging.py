"""What is wrong with a cluster: each rule is one function with its own words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from iot_platform.clock import duration
from iot_platform.stream.cluster import ClusterState
from iot_platform.stream.offsets import Place
from iot_platform.watch.lag import figures
from iot_platform.watch.lag.course import Course

Level = Literal["warn", "error"]

BROKER_GONE = "broker_gone"
PARTITIONS_OFFLINE = "partitions_offline"
TOO_FEW_REPLICAS = "too_few_replicas"
UNDER_REPLICATED = "under_replicated"
TRANSACTION_OPEN = "transaction_open"
DISK_FILLING = "disk_filling"
NAMES = (BROKER_GONE, PARTITIONS_OFFLINE, TOO_FEW_REPLICAS, UNDER_REPLICATED, TRANSACTION_OPEN, DISK_FILLING)

_NAMED = 3
_LEAST_FREE_SHARE = 0.05
_LASTING_SECONDS = 3_600.0
"""For as long as this a topic must have been written at its rate before anybody is told where that leads."""


@dataclass(frozen=True)
class Disk:
    """The disk of our own brokers, which all their topics share."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class TopicFigures:
    """One topic. `bytes` are on the disks of our own brokers, replicas included; None of a Kafka that is not ours.

    `grows_to_bytes`: what it will hold when it has come for as long as it is kept at the rate of now; None when one of
    the two is not known.
    """

    topic: str
    partitions: int
    replicas: int
    offsets: int
    inflow: float | None
    bytes: int | None
    kept_seconds: float | None
    grows_to_bytes: float | None

    @property
    def grows_by_bytes(self) -> float:
        """How much is still to come; 0 of what is not known, and of a rate that has not lasted for an hour."""
        if self.grows_to_bytes is None or self.offsets < (self.inflow or 0.0) * _LASTING_SECONDS:
            return 0.0
        return max(0.0, self.grows_to_bytes - (self.bytes or 0))


@dataclass(frozen=True)
class Finding:
    name: str
    level: Level
    subject: str
    text: str


@dataclass(frozen=True)
class Known:
    """All that the rules look at. `courses`: each partition's ends, look by look."""

    state: ClusterState
    courses: Mapping[Place, Course]
    topics: Sequence[TopicFigures]
    disk: Disk | None
    held_back_seconds: float


def findings_of(known: Known) -> list[Finding]:
    """All that is wrong, the worst first."""
    found = [finding for rule in _RULES for finding in rule(known)]
    return sorted(found, key=lambda finding: finding.level != "error")


def topic_figures(
    state: ClusterState, courses: Mapping[Place, Course], sizes: Mapping[str, int] | None
) -> list[TopicFigures]:
    """Of each topic that is not Kafka's own. `sizes`: bytes by topic, where they can be seen."""
    return [_topic(name, state, courses, sizes) for name in state.topics]


def _topic(
    name: str, state: ClusterState, courses: Mapping[Place, Course], sizes: Mapping[str, int] | None
) -> TopicFigures:
    parts = [part for place, part in state.replicas.items() if place[0] == name]
    offsets = sum(each.high - each.low for each in state.ends if each.topic == name)
    rates = [figures.rates(course).inflow for place, course in courses.items() if place[0] == name]
    inflow = sum(rate for rate in rates if rate is not None) if rates and None not in rates else None
    held_bytes = None if sizes is None else sizes.get(name, 0)
    kept = state.topics[name].kept_seconds
    grows_to = None
    if held_bytes is not None and inflow is not None and kept is not None:
        grows_to = inflow * kept * held_bytes / offsets if offsets else 0.0
    replicas = max((len(part.replicas) for part in parts), default=0)
    return TopicFigures(name, len(parts), replicas, offsets, inflow, held_bytes, kept, grows_to)


def _broker_gone(known: Known) -> Iterator[Finding]:
    """A broker that holds replicas does not answer."""
    held: dict[int, int] = {}
    for part in known.state.replicas.values():
        for broker in part.replicas:
            held[broker] = held.get(broker, 0) + 1
    for broker in sorted(held.keys() - known.state.brokers.keys()):
        text = f"Broker {broker} is away; it holds {held[broker]:,} replicas."
        yield Finding(BROKER_GONE, "error", f"broker {broker}", text)


def _partitions_offline(known: Known) -> Iterator[Finding]:
    """Nobody leads them: they can be neither written nor read."""
    offline = [place for place, part in known.state.replicas.items() if part.leader < 0]
    if offline:
        text = f"{_partitions(len(offline))} without a leader, neither written nor read: {_named(offline)}."
        yield Finding(PARTITIONS_OFFLINE, "error", "partitions without a leader", text)


def _too_few_replicas(known: Known) -> Iterator[Finding]:
    """They take no record of a producer that waits for all."""
    few = [
        place
        for place, part in known.state.replicas.items()
        if part.leader >= 0 and place[0] in known.state.topics
        and len(part.in_sync) < known.state.topics[place[0]].least_in_sync
    ]  # fmt: skip
    if few:
        text = f"{_partitions(len(few))} with fewer replicas in step than a write needs: {_named(few)}."
        yield Finding(TOO_FEW_REPLICAS, "error", "partitions that take no write", text)


def _under_replicated(known: Known) -> Iterator[Finding]:
    behind = [
        place
        for place, part in known.state.replicas.items()
        if part.leader >= 0 and len(part.in_sync) < len(part.replicas)
    ]
    if behind:
        text = f"{_partitions(len(behind))} with replicas that are not in step: {_named(behind)}."
        yield Finding(UNDER_REPLICATED, "warn", "replicas out of step", text)


def _transaction_open(known: Known) -> Iterator[Finding]:
    """Told by what it does: readers of committed records get no further."""
    for place, course in sorted(known.courses.items()):
        held_seconds = figures.held_back_seconds(course)
        if held_seconds >= known.held_back_seconds:
            look = course.now
            text = (
                f"A transaction on {place[0]}/{place[1]} has been open for {duration(held_seconds)} or longer: it "
                f"holds back {look.high - look.end:,} offsets from {look.end:,} on."
            )
            yield Finding(TRANSACTION_OPEN, "warn", f"{place[0]}/{place[1]}", text)


def _disk_filling(known: Known) -> Iterator[Finding]:
    """Little is left; or what is kept for as long as it should be will not fit."""
    disk = known.disk
    if disk is None:
        return
    if disk.free_bytes < _LEAST_FREE_SHARE * disk.total_bytes:
        text = f"{disk.free_bytes / 1e9:.1f} of {disk.total_bytes / 1e9:.1f} GB are left on the brokers' disk."
        yield Finding(DISK_FILLING, "error", "disk", text)
        return
    more = sum(one.grows_by_bytes for one in known.topics)
    if more > disk.free_bytes:
        largest = max(known.topics, key=lambda one: one.grows_by_bytes)
        text = (
            f"At the rate of now the topics grow by {more / 1e9:.1f} GB until retention holds them, and "
            f"{disk.free_bytes / 1e9:.1f} GB are left: most of it is {largest.topic}, kept for "
            f"{duration(largest.kept_seconds or 0.0)}."
        )
        yield Finding(DISK_FILLING, "warn", "disk", text)


def _partitions(count: int) -> str:
    return "1 partition is" if count == 1 else f"{count:,} partitions are"


def _named(places: Sequence[Place]) -> str:
    named = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(places)[:_NAMED])
    return named if len(places) <= _NAMED else f"{named} …"


_RULES: tuple[Callable[[Known], Iterator[Finding]], ...] = (
    _broker_gone,
    _partitions_offline,
    _too_few_replicas,
    _under_replicated,
    _transaction_open,
    _disk_filling,
)
