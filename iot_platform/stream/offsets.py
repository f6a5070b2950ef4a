"""Where groups and logs stand, asked of Kafka: figures only; `watch/lag.py` says what they mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from iot_platform.clock import Clock, unix_millis
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.stream.answers import answered, no_answer
from iot_platform.stream.clients import ADMIN_TIMEOUT_SECONDS, Clients

_OLDEST_SECONDS = 5.0
_NOT_COMMITTED = 0
_RETRY_SECONDS = 0.2
# librdkafka flags errors as retriable for transactions only.
_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,  # of a topic just made, whose leader the broker itself has not heard of yet
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)

_Answer = TypeVar("_Answer")

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True)
class LogSpan:
    """One partition's log: from `low` to before `end` for read_committed readers, to before `high` for others."""

    low: int
    end: int
    high: int


@dataclass(frozen=True)
class PartitionFigures:
    """`end` is what a read_committed reader can reach (the last stable offset), `high` what is written.

    `committed` is the next offset of the group, None before its first commit; `oldest_at_ms` the time stamp of the
    first record it has not taken, None when there is none or it could not be read in time; `asked_at_ms` is now.
    """

    topic: str
    partition: int
    low: int
    end: int
    high: int
    committed: int | None
    oldest_at_ms: int | None
    asked_at_ms: int

    @property
    def next_offset(self) -> int:
        """Where the group goes on: without a commit at the log's start."""
        return self.low if self.committed is None else self.committed

    @property
    def messages(self) -> int:
        """Offsets that can be read and are not taken yet."""
        return max(0, self.end - self.next_offset)

    @property
    def seconds(self) -> float:
        """Age of the oldest record not taken yet; 0 when there is none."""
        if self.messages == 0 or self.oldest_at_ms is None:
            return 0.0
        return max(0.0, (self.asked_at_ms - self.oldest_at_ms) / 1000)


@dataclass(frozen=True)
class GroupFigures:
    """One consumer group over the topics it reads."""

    group: str
    partitions: tuple[PartitionFigures, ...]

    @property
    def messages(self) -> int:
        return sum(partition.messages for partition in self.partitions)

    @property
    def seconds(self) -> float:
        return max((partition.seconds for partition in self.partitions), default=0.0)


def group_lag(clients: Clients, stream: str, clock: Clock) -> list[GroupFigures]:
    """The stream's validators on the raw topic, and its loader on the three topics it loads.

    Raises KafkaUnavailableError when Kafka does not answer or a topic is missing.
    """
    topology = Topology(stream)
    loaded = (topology.validated, topology.dead_letters, topology.ledger)
    return [
        read_group(clients, topology.validator_group, [topology.raw], clock),
        read_group(clients, topology.loader_group, loaded, clock),
    ]


def read_group(clients: Clients, group: str, topics: Sequence[str], clock: Clock) -> GroupFigures:
    """The figures of any group on `topics`. Raises KafkaUnavailableError."""
    admin = clients.admin()  # kept until all answers are here: a collected client never answers
    places = _places(clients, admin, topics)
    # The group first: a commit that comes in between then shows as lag, never as an offset beyond the end.
    committed = _committed(clients, group, places)
    spans = _spans(admin, places)
    behind = [
        TopicPartition(*place, committed.get(place, span.low))
        for place, span in spans.items()
        if committed.get(place, span.low) < span.end
    ]
    oldest = oldest_time_stamps(clients, group, behind) if behind else {}
    now_ms = unix_millis(clock.now())
    return GroupFigures(
        group,
        tuple(
            PartitionFigures(*place, span.low, span.end, span.high, committed.get(place), oldest.get(place), now_ms)
            for place, span in spans.items()
        ),
    )


def log_spans(clients: Clients, topics: Sequence[str]) -> dict[Place, LogSpan]:
    """What each partition of `topics` holds. Raises KafkaUnavailableError."""
    admin = clients.admin()
    return _spans(admin, _places(clients, admin, topics))


def _spans(admin: AdminClient, places: Sequence[Place]) -> dict[Place, LogSpan]:
    earliest, latest = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
    low = _offsets(admin, places, earliest, IsolationLevel.READ_UNCOMMITTED)
    end = _offsets(admin, places, latest, IsolationLevel.READ_COMMITTED)
    high = _offsets(admin, places, latest, IsolationLevel.READ_UNCOMMITTED)
    return {place: LogSpan(low[place], end[place], high[place]) for place in places}


def _places(clients: Clients, admin: AdminClient, topics: Sequence[str]) -> list[Place]:
    try:
        known = admin.list_topics(timeout=ADMIN_TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    missing = [topic for topic in topics if topic not in known]
    if missing:
        raise KafkaUnavailableError(
            f"There is no topic {', '.join(missing)}.", next_step="Run `iot-platform up`, which makes the topics."
        )
    return [(topic, partition) for topic in topics for partition in sorted(known[topic].partitions)]


def _committed(clients: Clients, group: str, places: Sequence[Place]) -> dict[Place, int]:
    observer = clients.observer(group)
    asked = [TopicPartition(*place) for place in places]
    try:
        answer = _patiently(lambda: observer.committed(asked, timeout=ADMIN_TIMEOUT_SECONDS))
    finally:
        observer.close()
    return {(item.topic, item.partition): int(item.offset) for item in answer if item.offset >= _NOT_COMMITTED}


def _offsets(
    admin: AdminClient, places: Sequence[Place], which: OffsetSpec, isolation: IsolationLevel
) -> dict[Place, int]:
    asked = {TopicPartition(*place): which for place in places}

    def ask() -> dict[Place, int]:
        futures = admin.list_offsets(asked, isolation_level=isolation, request_timeout=ADMIN_TIMEOUT_SECONDS)
        return {(at.topic, at.partition): int(answered(future).offset) for at, future in futures.items()}

    return _patiently(ask)


def _patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Ask again while a coordinator or a leader moves: a moment, as a rule. Raises KafkaUnavailableError."""
    deadline = time.monotonic() + ADMIN_TIMEOUT_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            kafka_error: KafkaError = error.args[0]
            if not (kafka_error.retriable() or kafka_error.code() in _PASSING) or time.monotonic() > deadline:
                raise _unavailable(error) from error
        time.sleep(_RETRY_SECONDS)


def oldest_time_stamps(clients: Clients, group: str, starts: Sequence[TopicPartition]) -> dict[Place, int]:
    """The time stamp of the first record at or after each start; those that do not come in time are left out."""
    consumer: Consumer = clients.consumer(f"{group}-lag", {"enable.partition.eof": True, "fetch.wait.max.ms": 10})
    found: dict[Place, int] = {}
    ended: set[Place] = set()
    try:
        consumer.assign(list(starts))
        while len(found) + len(ended) < len(starts):
            message: Any = consumer.poll(_OLDEST_SECONDS)
            if message is None:
                break
            place = (message.topic(), message.partition())
            if place in found or place in ended or place[0] is None:
                continue
            if message.error() is None:
                found[place] = message.timestamp()[1]
            else:
                ended.add(place)  # the end, or an offset that is gone: no record to tell the age of
            consumer.pause([TopicPartition(*place)])  # one record is enough
    finally:
        consumer.close()
    return found


def _unavailable(error: KafkaException) -> KafkaUnavailableError:
    return KafkaUnavailableError(f"Kafka does not tell its offsets: {error.args[0].str()}.")
