"""How a validator's two clients are set up."""

from __future__ import annotations

from typing import Any

from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.topics import OUTPUT_HEADROOM_BYTES

_QUEUE_MAX_MESSAGES = 200_000
_POLL_INTERVAL_TRANSACTIONS = 3
"""Between two polls lies one transaction; one that takes longer than this many may has lost its session anyway."""


def producer_options(settings: Settings, stream: str, slot: int) -> dict[str, Any]:
    return {
        "transactional.id": Topology(stream).transactional_id(settings.instance, slot),
        "transaction.timeout.ms": round(settings.validator.transaction_timeout_seconds * 1000),
        "message.max.bytes": settings.stream(stream).max_message_bytes + OUTPUT_HEADROOM_BYTES,
        "compression.type": settings.producer.compression,
        "linger.ms": 2,
        "batch.size": 262_144,
        "queue.buffering.max.messages": _QUEUE_MAX_MESSAGES,
    }


def consumer_options(settings: Settings) -> dict[str, Any]:
    session_ms = round(settings.validator.session_timeout_seconds * 1000)
    transaction_ms = round(settings.validator.transaction_timeout_seconds * 1000)
    return {
        "session.timeout.ms": session_ms,
        "heartbeat.interval.ms": session_ms // 3,
        # Also how long a rebalance waits for a member that died and that Kafka forgot to time out (decision 0010).
        "max.poll.interval.ms": max(session_ms, _POLL_INTERVAL_TRANSACTIONS * transaction_ms),
        "partition.assignment.strategy": "cooperative-sticky",
    }
