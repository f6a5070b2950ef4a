"""A stream's four topics: made once, with the settings the promise needs, and refused where they differ."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError, SettingsError
from iot_platform.settings import Settings, StreamSettings
from iot_platform.stream.answers import answered, no_answer
from iot_platform.stream.clients import ADMIN_TIMEOUT_SECONDS, Clients
from iot_platform.stream.offsets import log_spans

OUTPUT_HEADROOM_BYTES = 131_072
"""What a record may grow by on its way out: reasons and other headers of a dead letter, a filled field."""

_LEDGER_MAX_BYTES = 1_048_576
_DAY_MS = 86_400_000
_LEADER_SECONDS = 30.0
_POLL_SECONDS = 0.05


def raw_max_bytes(options: StreamSettings) -> int:
    """Kafka's limit of a raw record with its headers, as it travels: a compressed one may be larger."""
    return options.max_message_bytes + OUTPUT_HEADROOM_BYTES // 2


@dataclass(frozen=True)
class TopicPlan:
    name: str
    partitions: int
    config: Mapping[str, str]


def plan_topics(stream: str, options: StreamSettings) -> list[TopicPlan]:
    """What the topics of a stream must be. Pure."""
    topology = Topology(stream)
    outputs = options.max_message_bytes + OUTPUT_HEADROOM_BYTES
    shapes = {
        topology.raw: (options.retention.raw_days, raw_max_bytes(options)),
        topology.validated: (options.retention.validated_days, outputs),
        topology.dead_letters: (options.retention.dlq_days, outputs),
        topology.ledger: (options.retention.ledger_days, _LEDGER_MAX_BYTES),
    }
    return [
        TopicPlan(
            name,
            options.partitions,
            {
                "cleanup.policy": "delete",
                "retention.ms": str(round(days * _DAY_MS)),
                "max.message.bytes": str(max_bytes),
                "message.timestamp.type": "CreateTime",
            },
        )
        for name, (days, max_bytes) in shapes.items()
    ]


def ensure_topics(clients: Clients, settings: Settings, stream: str) -> None:
    """Create what is missing of the stream's topics, bring retention and size up to the settings, await leaders.

    Raises SettingsError when a topic has another number of partitions than configured, KafkaUnavailableError when
    Kafka does not answer or refuses.
    """
    admin = clients.admin()
    plans = plan_topics(stream, settings.stream(stream))
    new = [
        NewTopic(plan.name, plan.partitions, settings.kafka.replication_factor, config=dict(plan.config))
        for plan in plans
    ]
    for name, future in admin.create_topics(new, operation_timeout=ADMIN_TIMEOUT_SECONDS).items():
        _created(name, future)
    _await_leaders(admin, plans)
    # A leader that the metadata name may not know of it yet: once each partition has told its offsets, all can be used.
    log_spans(clients, [plan.name for plan in plans])
    _align_config(admin, plans)


def _created(name: str, future: Future[None]) -> None:
    try:
        answered(future)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise KafkaUnavailableError(
                f"Topic {name} could not be created: {error.args[0].str()}.",
                next_step="Give this user the right to create topics, or create it by hand as in "
                "docs/reference/interfaces.md.",
            ) from error


def _await_leaders(admin: AdminClient, plans: list[TopicPlan]) -> None:
    """A topic just made has no leaders for a moment: clients would get NOT_LEADER_FOR_PARTITION."""
    deadline = time.monotonic() + _LEADER_SECONDS
    for plan in plans:
        while (count := _partitions_with_leader(admin, plan.name)) < plan.partitions:
            if time.monotonic() > deadline:
                raise KafkaUnavailableError(
                    f"Only {count} of {plan.partitions} partitions of {plan.name} have a leader."
                )
            time.sleep(_POLL_SECONDS)
        if count > plan.partitions:
            raise SettingsError(
                f"Topic {plan.name} has {count} partitions, the settings say {plan.partitions}.",
                next_step=f"Set the stream's `partitions` to {count}.",
            )


def _partitions_with_leader(admin: AdminClient, topic: str) -> int:
    try:
        metadata = admin.list_topics(topic, timeout=ADMIN_TIMEOUT_SECONDS)
    except KafkaException as error:
        raise KafkaUnavailableError(f"Kafka does not answer: {error.args[0].str()}.") from error
    return sum(partition.leader >= 0 for partition in metadata.topics[topic].partitions.values())


def leader_of(clients: Clients, topic: str, partition: int) -> int:
    """The id of the broker that leads a partition; -1 when none does. Raises KafkaUnavailableError."""
    admin = clients.admin()
    try:
        metadata = admin.list_topics(topic, timeout=ADMIN_TIMEOUT_SECONDS)
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    return int(metadata.topics[topic].partitions[partition].leader)


def _align_config(admin: AdminClient, plans: list[TopicPlan]) -> None:
    for plan in plans:
        present = describe(admin, plan.name)
        wrong = {name: value for name, value in plan.config.items() if present.get(name) != value}
        if wrong:
            entries = [
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in wrong.items()
            ]
            resource = ConfigResource(ResourceType.TOPIC, plan.name, incremental_configs=entries)
            (future,) = admin.incremental_alter_configs([resource]).values()
            _answered(future, f"Topic {plan.name} could not be set to {wrong}")


def describe(admin: AdminClient, topic: str) -> dict[str, str]:
    """Every setting of a topic, the broker's defaults included."""
    (future,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    entries = _answered(future, f"Topic {topic} could not be described")
    return {name: entry.value for name, entry in entries.items()}


def _answered(future: Future[Any], failure: str) -> Any:
    try:
        return answered(future)
    except KafkaException as error:
        raise KafkaUnavailableError(f"{failure}: {error.args[0].str()}.") from error


@dataclass(frozen=True)
class TopicFacts:
    """One topic as it is; `records` counts offsets between the log's start and its end."""

    name: str
    exists: bool
    partitions: int = 0
    retention_ms: int = 0
    max_message_bytes: int = 0


def describe_topics(clients: Clients, settings: Settings, stream: str) -> list[TopicFacts]:
    """The stream's topics as they are on the cluster."""
    admin = clients.admin()
    facts = []
    known = _all_topics(clients, admin)
    for plan in plan_topics(stream, settings.stream(stream)):
        if plan.name not in known:
            facts.append(TopicFacts(plan.name, exists=False))
            continue
        config = describe(admin, plan.name)
        facts.append(
            TopicFacts(
                plan.name,
                exists=True,
                partitions=known[plan.name],
                retention_ms=int(config["retention.ms"]),
                max_message_bytes=int(config["max.message.bytes"]),
            )
        )
    return facts


def _all_topics(clients: Clients, admin: AdminClient) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=ADMIN_TIMEOUT_SECONDS)
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}
