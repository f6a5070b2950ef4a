"""Kafka clients, configured in one place so that no caller can weaken what the promise rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from iot_platform.errors import SettingsError
from iot_platform.settings import Settings
from iot_platform.stream.client_logs import client_logger
from iot_platform.stream.connections import ConnectionWatch

ADMIN_TIMEOUT_SECONDS = 15.0

# A user's `kafka.properties` may add security and tuning, but none of these.
PROTECTED = frozenset(
    {
        "bootstrap.servers",
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "retries",
        "message.send.max.retries",
        "message.timeout.ms",
        "delivery.timeout.ms",
        "partitioner",
        "isolation.level",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "transactional.id",
        "group.id",
        "delivery.report.only.error",
    }
)


class Clients:
    """Makes Kafka clients from the settings. Each client belongs to its caller, who closes it."""

    def __init__(self, settings: Settings) -> None:
        refused = PROTECTED & settings.kafka.properties.keys()
        if refused:
            raise SettingsError(
                f"kafka.properties may not set {', '.join(sorted(refused))}: the promise of exactly once rests on it.",
                next_step="Remove it from iot.toml or the environment.",
            )
        self.bootstrap_servers = settings.bootstrap_servers
        self._common: dict[str, Any] = {
            "bootstrap.servers": settings.bootstrap_servers,
            "client.id": settings.instance,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 2000,
            "log_level": 4,
            **settings.kafka.properties,
        }

    def admin(self) -> AdminClient:
        """Keep the reference until every future it gave has a result: a collected client never answers."""
        return AdminClient({**self._common}, logger=client_logger())

    def watched_producer(self, extra: Mapping[str, Any]) -> tuple[Producer, ConnectionWatch]:
        """A producer as `producer` makes, and what tells whether it lost a connection."""
        watch = ConnectionWatch(client_logger())
        return self._producer({**extra, "log_level": watch.LOG_LEVEL}, watch), watch

    def producer(self, extra: Mapping[str, Any] | None = None) -> Producer:
        """An idempotent producer (P1) that partitions as Kafka's Java client does (P5)."""
        return self._producer(extra or {}, client_logger())

    def _producer(self, extra: Mapping[str, Any], logger: Any) -> Producer:
        return Producer(
            {
                **self._common,
                **extra,
                "enable.idempotence": True,
                "acks": "all",
                "max.in.flight.requests.per.connection": 5,
                "partitioner": "murmur2",
            },
            logger=logger,
        )

    def consumer(self, group: str, extra: Mapping[str, Any] | None = None) -> Consumer:
        """A read_committed consumer that never commits by itself and never skips offsets by itself."""
        return Consumer(
            {
                **self._common,
                "fetch.message.max.bytes": 524_288,
                "fetch.queue.backoff.ms": 5,
                **(extra or {}),
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
            },
            logger=client_logger(),
        )

    def observer(self, group: str) -> Consumer:
        """A consumer that never joins nor reads: to ask where `group` stands, without waiting for open transactions.

        librdkafka 2.16.0 crashes when an AdminClient asks this while the group's coordinator moves or restarts
        (docs/decisions/0006-committed-offsets.md).
        """
        return Consumer(
            {**self._common, "group.id": group, "isolation.level": "read_uncommitted"}, logger=client_logger()
        )
