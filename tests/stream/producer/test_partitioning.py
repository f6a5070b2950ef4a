"""P5: the same key lands on the same partition as with Kafka's Java client.

java_murmur2.tsv is Java's own answer: `Utils.toPositive(Utils.murmur2(key))` of kafka-clients 4.3.1, printed by a
program of ten lines run as `java -cp 'jars/*' Table.java keys.txt`. The partition is that number modulo the count.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic

from iot_platform.broker.node import LocalBroker
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.producer.run import producer_factory
from tests.support.raw_topic import read_topic
from tests.support.waiting import eventually

TABLE = {
    key: int(number)
    for key, number in (
        line.split("\t")
        for line in (Path(__file__).parent / "java_murmur2.tsv").read_text(encoding="utf-8").splitlines()
    )
}


def make_topic(settings: Settings, name: str, partitions: int) -> None:
    admin = Clients(settings).admin()
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(timeout=20)
    eventually(lambda: len(admin.list_topics(timeout=5).topics[name].partitions) == partitions, what=f"topic {name}")


def partitions_of(settings: Settings, topic: str) -> dict[str, int | None]:
    return {(message.key() or b"").decode(): message.partition() for message in read_topic(settings, topic)}


def test_the_table_has_keys_of_all_lengths_and_beyond_ascii() -> None:
    assert {len(key) for key in TABLE} >= set(range(1, 129))
    assert any(not key.isascii() for key in TABLE)


@pytest.mark.kafka
@pytest.mark.parametrize("partitions", [3, 6, 100])
def test_our_producer_partitions_as_the_table_says(settings: Settings, stream_name: str, partitions: int) -> None:
    topic = f"{stream_name}_{partitions}"
    make_topic(settings, topic, partitions)
    producer = producer_factory(settings, stream_name)({})
    for key in TABLE:
        producer.produce(topic, b"x", key.encode())
    assert producer.flush(30) == 0
    assert partitions_of(settings, topic) == {key: number % partitions for key, number in TABLE.items()}


@pytest.mark.kafka
def test_kafkas_own_console_producer_partitions_as_the_table_says(
    settings: Settings, broker: LocalBroker, stream_name: str
) -> None:
    topic = f"{stream_name}_java"
    make_topic(settings, topic, 12)
    lines = "".join(f"{key}\tx\n" for key in TABLE)
    broker.run_tool(
        "org.apache.kafka.tools.ConsoleProducer",
        *("--bootstrap-server", broker.bootstrap_servers, "--topic", topic, "--reader-property", "parse.key=true"),
        stdin=lines.encode(),
    )
    assert partitions_of(settings, topic) == {key: number % 12 for key, number in TABLE.items()}
