"""The newest records of a partition, for those who want to see what is in them."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from iot_platform.stream.answers import no_answer
from iot_platform.stream.clients import Clients

_AT_ONCE = 500
_POLL_SECONDS = 0.5
_ASK_SECONDS = 3.0


def newest_keys(clients: Clients, topic: str, partition: int, most: int, timeout_seconds: float) -> list[bytes | None]:
    """Keys of at most the `most` newest records, as many as come in time; those of a topic without transactions.

    Joins no group and commits nothing. Raises KafkaUnavailableError when Kafka does not say where the partition ends.
    """
    consumer = clients.observer("diagnosis")
    try:
        low, high = _ends(clients, consumer, TopicPartition(topic, partition))
        consumer.assign([TopicPartition(topic, partition, max(low, high - most))])
        wanted, keys, deadline = min(most, high - low), list[bytes | None](), time.monotonic() + timeout_seconds
        while len(keys) < wanted and time.monotonic() < deadline:
            messages = consumer.consume(min(_AT_ONCE, wanted - len(keys)), _POLL_SECONDS)
            keys += [message.key() for message in messages if message.error() is None]
        return keys
    finally:
        consumer.close()


def _ends(clients: Clients, consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    try:
        low, high = consumer.get_watermark_offsets(place, timeout=_ASK_SECONDS)
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    return low, high
