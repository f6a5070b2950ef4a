"""Write to and read whole topics of a stream in tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, TopicPartition

from iot_platform.contract import ledger
from iot_platform.contract.ledger import LedgerEntry
from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients


@dataclass(frozen=True)
class Kept:
    """One record as a reader sees it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int


def send(settings: Settings, topic: str, records: Iterable[dict[str, Any]]) -> None:
    """Produce records (arguments of `Producer.produce`) and wait until all are there."""
    producer = Clients(settings).producer({"message.max.bytes": 2_000_000})
    failures: list[Any] = []

    def report(error: Any, _message: Any) -> None:
        if error is not None:
            failures.append(error)

    for record in records:
        while True:
            try:
                producer.produce(topic, on_delivery=report, **record)
            except BufferError:
                producer.poll(0.1)
            else:
                break
    assert producer.flush(30) == 0
    assert not failures


def read_all(settings: Settings, topic: str) -> list[Kept]:
    """All committed records of a topic, by partition and offset."""
    consumer = Clients(settings).consumer("test-reader", {"enable.partition.eof": True, "fetch.wait.max.ms": 10})
    try:
        partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        starts = []
        for partition in partitions:
            low, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            starts.append(TopicPartition(topic, partition, low))
        consumer.assign(starts)
        return _until_all_ended(consumer, len(partitions))
    finally:
        consumer.close()


def _until_all_ended(consumer: Any, partitions: int) -> list[Kept]:
    kept: list[Kept] = []
    ended: set[int] = set()
    while len(ended) < partitions:
        message = consumer.poll(30)
        assert message is not None, "Kafka stopped answering"
        if message.error() is not None:
            assert message.error().code() == KafkaError._PARTITION_EOF
            ended.add(message.partition())
            continue
        ended.discard(message.partition())
        kept.append(
            Kept(
                message.partition(),
                message.offset(),
                message.key(),
                message.value(),
                tuple(message.headers() or ()),
                message.timestamp()[1],
            )
        )
    return sorted(kept, key=lambda record: (record.partition, record.offset))


def read_ledger(settings: Settings, stream: str) -> list[LedgerEntry]:
    return [ledger.decode(record.value or b"") for record in read_all(settings, Topology(stream).ledger)]


def assert_ledger_is_whole(entries: list[LedgerEntry], raw: list[Kept]) -> None:
    """The ledger's ranges join without gap or overlap, add up, and cover every raw record."""
    next_offset: dict[int, int] = {}
    for entry in entries:
        assert entry.first == next_offset.get(entry.partition, 0)
        assert entry.accounted == entry.covered
        next_offset[entry.partition] = entry.last + 1
    ends: dict[int, int] = {}
    for record in raw:
        ends[record.partition] = record.offset + 1
    assert next_offset == ends
