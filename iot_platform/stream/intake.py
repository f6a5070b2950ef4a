"""Takes batches of raw records, each partition in order and without an unproved gap."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

log = logging.getLogger(__name__)

_IDLE_POLL_SECONDS = 0.5

Message = Any  # confluent_kafka.Message, which has no type stubs


@dataclass(frozen=True)
class BatchPolicy:
    """At most `most` records; after the first one, wait `linger_seconds` for company."""

    most: int
    linger_seconds: float


class Intake:
    """Reads one topic for a consumer that is subscribed to it."""

    def __init__(self, consumer: Consumer, topic: str, policy: BatchPolicy) -> None:
        self._consumer = consumer
        self._topic = topic
        self._policy = policy
        self._gaps_asked_again: set[tuple[int, int, int]] = set()

    def poll(self, remaining: int | None) -> list[Message]:
        """What has arrived; empty after half a second without a record. Rebalance callbacks run in here.

        Raises KafkaException for an error of the consumer.
        """
        most = self._policy.most if remaining is None else min(self._policy.most, remaining)
        messages = self._consumer.consume(1, _IDLE_POLL_SECONDS)
        if messages and most > 1:
            messages += self._consumer.consume(most - 1, self._policy.linger_seconds)
        return [message for message in messages if _is_record(message)]

    def in_order(self, messages: list[Message], next_offsets: Mapping[int, int]) -> list[Message]:
        """The records that go on exactly where each owned partition stands.

        Others are dropped: of partitions that a rebalance has just taken away, and those that come a second time.
        Offsets may be missing in truth (control records, compaction), or because a record overtook a seek: so
        a gap is believed only when the same one appears again after a seek to its beginning.
        """
        expected = dict(next_offsets)
        kept: list[Message] = []
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if partition not in expected or offset < expected[partition]:
                continue
            if offset > expected[partition] and not self._is_proved(partition, expected[partition], offset):
                del expected[partition]
                continue
            expected[partition] = offset + 1
            kept.append(message)
        return kept

    def only(self, messages: list[Message], partition: int, most: int) -> list[Message]:
        """The first `most` records of `partition`; the consumer is set back to read all others again."""
        kept = [message for message in messages if message.partition() == partition][:most]
        ends = {partition: kept[-1].offset()} if kept else {}
        again: dict[int, int] = {}
        for message in messages:
            if message.offset() > ends.get(message.partition(), -1):
                again.setdefault(message.partition(), message.offset())
        for other, offset in again.items():
            self._consumer.seek(TopicPartition(self._topic, other, offset))
        return kept

    def _is_proved(self, partition: int, expected: int, offset: int) -> bool:
        gap = (partition, expected, offset)
        if gap in self._gaps_asked_again:
            self._gaps_asked_again.discard(gap)
            log.warning("%s/%d: no record at offsets %d to %d", self._topic, partition, expected, offset - 1)
            return True
        self._gaps_asked_again.add(gap)
        self._consumer.seek(TopicPartition(self._topic, partition, expected))
        return False


def _is_record(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name in librdkafka
        return False
    raise KafkaException(error)
