"""What the headers of loaded records tell of dead letters that were sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iot_platform.contract import dead_letter
from iot_platform.contract.redrive import Origin, read_origin
from iot_platform.warehouse.workbench import Decision, Known, Source

Message = Any  # confluent_kafka.Message, which has no type stubs


def became_valid(messages: Sequence[Message]) -> list[Known]:
    """Of validated records, those that were dead letters, with their place in the validated topic."""
    return [
        _known(origin, "valid", message.topic(), message.partition(), message.offset())
        for message in messages
        if (headers := message.headers()) and (origin := read_origin(headers))
    ]


def dead_again(messages: Sequence[Message], max_attempts: int) -> tuple[list[Known], list[Decision]]:
    """Of dead letters, those that were dead before, and which of them have been sent often enough.

    Each is known by the place of its raw record, as every dead letter is.
    """
    known, exhausted = [], []
    for message in messages:
        headers = message.headers() or []
        origin = read_origin(headers)
        if origin is None:
            continue
        now = dead_letter.from_headers(headers)
        known.append(_known(origin, "dead", now.source_topic, now.source_partition, now.source_offset))
        if now.attempts >= max_attempts:
            detail = f"dead after {now.attempts} attempts; dlq.max_attempts is {max_attempts}"
            exhausted.append(Decision(Source(now.source_partition, now.source_offset), "park", detail=detail))
    return known, exhausted


def _known(origin: Origin, outcome: str, topic: str, partition: int, offset: int) -> Known:
    source = Source(origin.partition, origin.offset)
    return Known(source, origin.redrive_id, outcome, topic, partition, offset, origin.patched)
