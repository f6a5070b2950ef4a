"""Where every consumer group of the cluster stands, in few calls and bounded time.

What does not answer in time is left out and named: a partition without a leader, a group whose coordinator moves.
librdkafka 2.16 ends the whole process when an AdminClient describes groups or the cluster while a broker goes away
(docs/decisions/0029-asking-of-groups.md): only calls that survive it are made here.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from iot_platform.clock import Clock, unix_millis
from iot_platform.errors import KafkaUnavailableError
from iot_platform.stream.answers import no_answer
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import LogSpan, PartitionFigures, Place, oldest_time_stamps

_ASK_SECONDS = 5.0
_AT_ONCE = 4
_INTERNAL = "__"
_GONE = frozenset({"EMPTY", "DEAD"})

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class GroupLook:
    """One group: Kafka's word for its state, and where it stands on each partition that it is known to read."""

    group: str
    state: str | None
    partitions: tuple[PartitionFigures, ...]

    @property
    def active(self) -> bool:
        """Whether it has members, as far as Kafka says."""
        return self.state is not None and self.state not in _GONE


@dataclass(frozen=True)
class ClusterLook:
    """All groups asked for. `kept_seconds`: by topic, None for ever. `unanswered` names what could not be asked."""

    at_ms: int
    groups: tuple[GroupLook, ...]
    kept_seconds: Mapping[str, float | None]
    unanswered: tuple[str, ...]


def group_states(clients: Clients) -> dict[str, str]:
    """Every consumer group of the cluster, with Kafka's word for its state. Raises KafkaUnavailableError."""
    admin = clients.admin()
    listed: Future[Any] = admin.list_consumer_groups(request_timeout=_ASK_SECONDS)
    try:
        answer = listed.result(2 * _ASK_SECONDS)
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    except TimeoutError as error:
        raise KafkaUnavailableError("Kafka does not name its consumer groups.") from error
    if answer.errors and not answer.valid:
        raise no_answer(clients.bootstrap_servers, KafkaException(answer.errors[0]))
    return {found.group_id: found.state.name for found in answer.valid}


def look_at(
    clients: Clients, own: Mapping[str, Sequence[str]], others: Collection[str], states: Mapping[str, str], clock: Clock
) -> ClusterLook:
    """`own` groups with the topics that they read, never committed or not, and `others` where they have committed.

    The age of the oldest record is read for `own` only: to read others' records is not ours. Raises
    KafkaUnavailableError when Kafka does not answer at all.
    """
    admin = clients.admin()  # kept until all answers are here: a collected client never answers
    places = _places(clients, admin)
    unanswered: list[str] = []
    # The groups first: a commit that comes in between then shows as lag, never as an offset beyond the end.
    committed = _committed(clients, own, others, places, unanswered)
    asked = sorted({place for offsets in committed.values() for place in offsets})
    spans = spans_of_places(admin, asked)
    unanswered += [f"{topic}/{partition}" for topic, partition in asked if (topic, partition) not in spans]
    ages = _ages(clients, own, committed, spans)
    at_ms = unix_millis(clock.now())
    groups = tuple(
        GroupLook(
            group,
            states.get(group),
            tuple(
                PartitionFigures(
                    *place,
                    spans[place].low,
                    spans[place].end,
                    spans[place].high,
                    offset,
                    ages.get((group, place)),
                    at_ms,
                )
                for place, offset in sorted(offsets.items())
                if place in spans
            ),
        )
        for group, offsets in committed.items()
    )
    return ClusterLook(at_ms, groups, _kept_seconds(admin, {topic for topic, _ in asked}), tuple(unanswered))


def _places(clients: Clients, admin: AdminClient) -> list[Place]:
    try:
        topics = admin.list_topics(timeout=_ASK_SECONDS).topics
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    return [
        (name, partition)
        for name, topic in sorted(topics.items())
        if not name.startswith(_INTERNAL)
        for partition in sorted(topic.partitions)
    ]


def _committed(
    clients: Clients,
    own: Mapping[str, Sequence[str]],
    others: Collection[str],
    places: Sequence[Place],
    unanswered: list[str],
) -> dict[str, dict[Place, int | None]]:
    """By group: its next offset on each place, None on one of its own topics where it has never committed."""

    def ask(group: str) -> dict[Place, int | None] | None:
        reads = set(own.get(group, ()))
        mine = [place for place in places if not reads or place[0] in reads]
        offsets = _offsets_of(clients, group, mine)
        if offsets is None:
            return None
        return {place: offsets.get(place) for place in mine if reads or place in offsets}

    groups = [*own, *(group for group in others if group not in own)]
    with ThreadPoolExecutor(_AT_ONCE) as asking:
        answers = dict(zip(groups, asking.map(ask, groups), strict=True))
    unanswered += [group for group, answer in answers.items() if answer is None]
    return {group: answer for group, answer in answers.items() if answer is not None}


def _offsets_of(clients: Clients, group: str, places: Sequence[Place]) -> dict[Place, int] | None:
    """Where it has committed; None when its coordinator does not say."""
    if not places:
        return {}
    observer = clients.observer(group)
    try:
        answer = observer.committed([TopicPartition(*place) for place in places], timeout=_ASK_SECONDS)
    except KafkaException:
        return None
    finally:
        observer.close()
    return {(at.topic, at.partition): int(at.offset) for at in answer if at.error is None and at.offset >= 0}


def spans_of_places(admin: AdminClient, places: Sequence[Place]) -> dict[Place, LogSpan]:
    """What each holds; those that do not answer are left out."""
    if not places:
        return {}
    earliest, latest = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
    low = _offsets(admin, places, earliest, IsolationLevel.READ_UNCOMMITTED)
    end = _offsets(admin, places, latest, IsolationLevel.READ_COMMITTED)
    high = _offsets(admin, places, latest, IsolationLevel.READ_UNCOMMITTED)
    return {place: LogSpan(low[place], end[place], high[place]) for place in low if place in end and place in high}


def _offsets(
    admin: AdminClient, places: Sequence[Place], which: OffsetSpec, isolation: IsolationLevel
) -> dict[Place, int]:
    asked = {TopicPartition(*place): which for place in places}
    futures = admin.list_offsets(asked, isolation_level=isolation, request_timeout=_ASK_SECONDS)
    answers = _settled((((at.topic, at.partition), future) for at, future in futures.items()))
    # -1 while a new leader does not know yet: no answer either.
    return {place: int(answer.offset) for place, answer in answers if answer.offset >= 0}


def _settled(futures: Iterable[tuple[_Key, Future[_Answer]]]) -> list[tuple[_Key, _Answer]]:
    """Those that have a result in time."""
    deadline = time.monotonic() + 2 * _ASK_SECONDS
    settled = []
    for key, future in futures:
        try:
            settled.append((key, future.result(max(0.0, deadline - time.monotonic()))))
        except (KafkaException, TimeoutError):
            continue
    return settled


def _ages(
    clients: Clients,
    own: Collection[str],
    committed: Mapping[str, Mapping[Place, int | None]],
    spans: Mapping[Place, LogSpan],
) -> dict[tuple[str, Place], int]:
    """The time stamp of the first record that each of our groups has not taken."""
    ages: dict[tuple[str, Place], int] = {}
    for group in own:
        starts = {
            place: max(spans[place].low, spans[place].low if offset is None else offset)
            for place, offset in committed.get(group, {}).items()
            if place in spans
        }
        behind = [TopicPartition(*place, start) for place, start in starts.items() if start < spans[place].end]
        found = oldest_time_stamps(clients, group, behind) if behind else {}
        ages |= {(group, place): stamp for place, stamp in found.items()}
    return ages


def _kept_seconds(admin: AdminClient, topics: Collection[str]) -> dict[str, float | None]:
    """How long records are kept; what does not answer is left out, as if for ever."""
    return {topic: kept_of(config) for topic, config in settled_configs(admin, topics).items()}


def settled_configs(admin: AdminClient, topics: Collection[str]) -> dict[str, dict[str, str]]:
    """Every setting of each topic; those that do not answer are left out."""
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in sorted(topics)]
    futures = admin.describe_configs(resources, request_timeout=_ASK_SECONDS)
    described = _settled((resource.name, future) for resource, future in futures.items())
    return {topic: {name: entry.value for name, entry in config.items()} for topic, config in described}


def kept_of(config: Mapping[str, str]) -> float | None:
    """For how long a topic of that configuration keeps records, in seconds; None for ever."""
    retention_ms = int(config["retention.ms"])
    removes = "delete" in config["cleanup.policy"] and retention_ms >= 0
    return retention_ms / 1000 if removes else None
