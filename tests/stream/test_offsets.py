"""Lag as Kafka has it: control records are no lag, an open transaction holds back, age comes from the oldest record."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from confluent_kafka import Producer, TopicPartition

from iot_platform.clock import ManualClock, SystemClock, unix_millis
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.settings import KafkaSettings, Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import PartitionFigures, group_lag, read_group
from iot_platform.watch.lag import held_back
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

_SECONDS = 20.0


@pytest.fixture
def transactions(settings: Settings) -> Iterator[Producer]:
    producer = Clients(settings).producer({"transactional.id": f"test-{uuid.uuid4()}"})
    producer.init_transactions(_SECONDS)
    yield producer
    producer.purge()


def write(producer: Producer, topic: str, times_ms: list[int], partition: int = 0) -> None:
    for time_ms in times_ms:
        producer.produce(topic, b"value", partition=partition, timestamp=time_ms)
    assert producer.flush(_SECONDS) == 0


def commit(settings: Settings, group: str, topic: str, offset: int, partition: int = 0) -> None:
    consumer = Clients(settings).consumer(group)
    try:
        consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
    finally:
        consumer.close()


def partition_of(settings: Settings, topology: Topology, number: int = 0) -> PartitionFigures:
    figures = read_group(Clients(settings), topology.validator_group, [topology.raw], SystemClock())
    return figures.partitions[number]


def test_lag_counts_what_waits_and_its_age_is_that_of_the_oldest_record(settings: Settings, topology: Topology) -> None:
    clock = ManualClock(SystemClock().now())
    born_ms = unix_millis(clock.now() - timedelta(seconds=100))
    write(Clients(settings).producer(), topology.raw, [born_ms, born_ms + 30_000, born_ms + 60_000])
    before, _ = group_lag(Clients(settings), topology.stream, clock)
    assert (before.group, before.messages) == (topology.validator_group, 3)
    assert before.seconds == pytest.approx(100, abs=0.01)
    commit(settings, topology.validator_group, topology.raw, 1)
    after, _ = group_lag(Clients(settings), topology.stream, clock)
    assert (after.messages, after.partitions[0].committed) == (2, 1)
    assert after.seconds == pytest.approx(70, abs=0.01)


def test_a_group_that_has_all_has_no_lag_although_the_log_ends_in_a_control_record(
    settings: Settings, topology: Topology, transactions: Producer
) -> None:
    transactions.begin_transaction()
    write(transactions, topology.raw, [1_000, 2_000])
    transactions.commit_transaction(_SECONDS)
    commit(settings, topology.validator_group, topology.raw, 3)
    eventually(lambda: partition_of(settings, topology).end == 3, what="the marker in the log")
    assert (partition_of(settings, topology).messages, partition_of(settings, topology).seconds) == (0, 0.0)


def test_an_open_transaction_holds_records_back_and_is_no_lag(
    settings: Settings, topology: Topology, transactions: Producer
) -> None:
    transactions.begin_transaction()
    write(transactions, topology.raw, [1_000, 2_000])
    held = partition_of(settings, topology)
    assert (held.messages, held_back(held)) == (0, 2)
    transactions.abort_transaction(_SECONDS)
    eventually(lambda: held_back(partition_of(settings, topology)) == 0, what="the end of the transaction")
    assert partition_of(settings, topology).seconds == 0.0  # aborted records wait for nobody


def test_every_partition_that_is_behind_tells_its_own_age(settings: Settings, topology: Topology) -> None:
    clock = ManualClock(SystemClock().now())
    now_ms = unix_millis(clock.now())
    producer = Clients(settings).producer()
    for number in range(3):
        write(producer, topology.raw, [now_ms - 10_000 * (number + 1)] * 500, partition=number)
    figures = read_group(Clients(settings), topology.validator_group, [topology.raw], clock)
    assert [round(partition.seconds) for partition in figures.partitions] == [10, 20, 30]
    assert figures.messages == 1_500


def test_a_missing_topic_and_a_missing_kafka_are_told_apart(settings: Settings, unused_port: int) -> None:
    with pytest.raises(KafkaUnavailableError, match="There is no topic nowhere"):
        read_group(Clients(settings), "group", ["nowhere"], SystemClock())
    away = settings.model_copy(update={"kafka": KafkaSettings(bootstrap_servers=f"127.0.0.1:{unused_port}")})
    with pytest.raises(
        KafkaUnavailableError, match=rf"does not answer at 127\.0\.0\.1:{unused_port}: .*iot-platform up"
    ):
        read_group(Clients(away), "group", ["raw"], SystemClock())


@pytest.fixture
def unused_port() -> int:
    from iot_platform.broker.ports import free_port  # noqa: PLC0415

    return free_port()
