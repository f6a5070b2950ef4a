"""F12: the request that ended one transaction arrives late, when the next is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.clock import SystemClock
from iot_platform.settings import KafkaSettings, Settings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from iot_platform.stream.transaction import SessionLostError, Transactions
from tests.conftest import own_broker_settings, start
from tests.support.held_request import END_TXN, HoldingProxy
from tests.support.topics import read_all

pytestmark = [pytest.mark.kafka, pytest.mark.long]

SECONDS = 60.0


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[tuple[HoldingProxy, Settings]]:
    """A proxy and settings that lead through it, to a broker of their own."""
    own = own_broker_settings(tmp_path)
    proxy = HoldingProxy(own.kafka.broker_port)
    broker = LocalBroker(own, advertised_port=proxy.port)
    start(broker)
    yield proxy, load_settings(state_dir=tmp_path, kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    broker.kill()
    proxy.close()


class Writer:
    """A slot's producer, with transactions of a record each."""

    def __init__(self, settings: Settings, topic: str) -> None:
        clients, self._topic = Clients(settings), topic
        options = {"transactional.id": "slot", "transaction.timeout.ms": round(SECONDS * 1000)}
        self.producer, watch = clients.watched_producer(options)
        self.transactions = Transactions(self.producer, SECONDS, SystemClock(), watch)
        self._consumer = clients.consumer("group")
        self.transactions.start()

    def begin(self, value: bytes) -> None:
        self.transactions.begin()
        self.transactions.produce(self._topic, 0, value=value)
        assert self.producer.flush(SECONDS) == 0

    def commit(self) -> None:
        self.transactions.commit([], self._consumer)

    def close(self) -> None:
        self._consumer.close()
        self.transactions.close()


def seen(settings: Settings, topic: str) -> list[Any]:
    return [kept.value for kept in read_all(settings, topic) if kept.partition == 0]


def test_f12_a_late_request_meets_no_transaction_of_the_producer_that_sent_it(
    proxied: tuple[HoldingProxy, Settings],
) -> None:
    proxy, settings = proxied
    ensure_topics(Clients(settings), settings, "iot_data")
    topic = "validated_iot_data"
    first = Writer(settings, topic)
    first.begin(b"one")
    proxy.hold_next(END_TXN)
    first.commit()  # librdkafka repeats the request over another connection
    assert proxy.holds.is_set()
    with pytest.raises(SessionLostError, match="sent twice"):
        first.begin(b"must not be")
    second = Writer(settings, topic)
    second.begin(b"two")
    proxy.deliver()
    second.transactions.produce(topic, 0, value=b"three")
    assert second.producer.flush(SECONDS) == 0
    assert seen(settings, topic) == [b"one"]
    second.transactions.abort()
    assert seen(settings, topic) == [b"one"]
    second.close()
    first.close()
