"""The cluster as its clients see it: brokers, leaders, replicas, ends. In three or four calls, and bounded time.

The client has no call for a broker's disk or for open transactions: the one shows in the files of our own brokers, the
other as an end that readers of committed records do not get past. What may be asked at all: docs/decisions/0029.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException

from iot_platform.clock import Clock, unix_millis
from iot_platform.stream.answers import no_answer
from iot_platform.stream.clients import Clients
from iot_platform.stream.groups import kept_of, settled_configs, spans_of_places
from iot_platform.stream.offsets import PartitionFigures, Place

_ASK_SECONDS = 5.0
_INTERNAL = "__"


@dataclass(frozen=True)
class Replicas:
    """One partition: `leader` is -1 when there is none; `in_sync` are those of `replicas` that have all."""

    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True)
class TopicLook:
    """What a topic is to be: how long it keeps records (None for ever), and how many replicas a write needs."""

    kept_seconds: float | None
    least_in_sync: int


@dataclass(frozen=True)
class ClusterState:
    """One look. `brokers` by their ids; `replicas` of all topics, `topics` and `ends` without Kafka's internal ones."""

    at_ms: int
    brokers: Mapping[int, str]
    replicas: Mapping[Place, Replicas]
    topics: Mapping[str, TopicLook]
    ends: tuple[PartitionFigures, ...]


def look_at_cluster(clients: Clients, clock: Clock) -> ClusterState:
    """Raises KafkaUnavailableError when no broker answers."""
    admin = clients.admin()  # kept until all answers are here
    try:
        metadata = admin.list_topics(timeout=_ASK_SECONDS)
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    replicas = {
        (name, number): Replicas(part.leader, tuple(part.replicas), tuple(part.isrs))
        for name, topic in sorted(metadata.topics.items())
        for number, part in sorted(topic.partitions.items())
    }
    names = sorted({topic for topic, _ in replicas if not topic.startswith(_INTERNAL)})
    led = [place for place, part in replicas.items() if place[0] in names and part.leader >= 0]
    spans = spans_of_places(admin, led)
    configs = settled_configs(admin, names)
    at_ms = unix_millis(clock.now())
    return ClusterState(
        at_ms,
        {broker.id: f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()},
        replicas,
        {name: TopicLook(kept_of(config), int(config["min.insync.replicas"])) for name, config in configs.items()},
        tuple(
            PartitionFigures(*place, span.low, span.end, span.high, None, None, at_ms) for place, span in spans.items()
        ),
    )
