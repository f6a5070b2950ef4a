"""The Kafka producers that a delivery makes, one an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Producer

from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.producer.delivery import MAX_READINGS_IN_FLIGHT, MakeProducer

_OVERHEAD_BYTES = 65_536
"""Key and Kafka's own framing on top of the largest value."""


def producer_factory(settings: Settings, stream_name: str) -> MakeProducer:
    """Makes the producers of one stream; what the promise rests on is added by `Clients.producer`."""
    clients = Clients(settings)
    properties = {
        "message.timeout.ms": 0,
        "linger.ms": settings.producer.linger_ms,
        "compression.type": settings.producer.compression,
        "message.max.bytes": settings.stream(stream_name).max_message_bytes + _OVERHEAD_BYTES,
        "queue.buffering.max.messages": 2 * MAX_READINGS_IN_FLIGHT,
    }

    def make(extra: Mapping[str, Any]) -> Producer:
        return clients.producer({**properties, **extra})

    return make
