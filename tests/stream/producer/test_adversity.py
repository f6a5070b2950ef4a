"""What librdkafka may answer a producer: that its queue is full, and that it is over for good."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from confluent_kafka import Producer

from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Stop
from iot_platform.settings import KafkaSettings, ProducerSettings, Settings
from iot_platform.stream import clients as clients_module
from iot_platform.stream.producer import ProducerResult, run_producer
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.spool import SourceAccount, read_accounts
from tests.support.by_hand import HandMade, Identity, new_producer_id, send_by_hand
from tests.support.topics import read_all
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

AT_MS = 1_790_000_000_000


class PausingSource:
    """Gives numbers, all of one sensor; waits before `pause_at` until it is told to go on."""

    name = "pausing"
    can_wait = True

    def __init__(self, count: int, pause_at: int = 0, padding: int = 0) -> None:
        self._readings = [Reading(b"k", b"%d" % n + b" " * padding, AT_MS) for n in range(count)]
        self._pause_at = pause_at
        self.go_on = threading.Event()

    def start(self, cursor: Cursor | None) -> None:
        self._at = int(cursor["at"]) if cursor else 0

    def batch(self, limit: int) -> Batch:
        paused = not self.go_on.is_set()
        taken = self._readings[self._at : min(self._at + limit, self._pause_at if paused else len(self._readings))]
        self._at += len(taken)
        return Batch(taken, {"at": self._at}, 0.01, exhausted=self._at == len(self._readings))

    def accepted(self, batch: Batch) -> None:
        pass

    def close(self) -> None:
        pass


class CountingProducer(Producer):
    """The real one, which counts how often its queue was full."""

    full = 0

    def produce(self, *arguments: Any, **named: Any) -> None:
        try:
            super().produce(*arguments, **named)
        except BufferError:
            CountingProducer.full += 1
            raise


def numbers(settings: Settings, topology: Topology) -> list[int]:
    found = [kept.value or b"" for kept in read_all(settings, topology.raw)]
    return [int(value) for value in found if value != b"forged"]


def test_a_full_queue_of_librdkafka_holds_back_and_loses_no_reading_and_no_order(
    settings: Settings, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients_module, "Producer", CountingProducer)
    monkeypatch.setattr(CountingProducer, "full", 0)
    tiny = KafkaSettings(bootstrap_servers=settings.bootstrap_servers, properties={"queue.buffering.max.kbytes": "16"})
    small = settings.model_copy(update={"kafka": tiny, "producer": ProducerSettings(batch_readings=700)})
    source = PausingSource(5_000, padding=200)
    source.go_on.set()
    result = run_producer(small, source, topology.stream, stop=Stop())
    assert CountingProducer.full > 10
    assert (result.born, result.acknowledged, result.refused, result.spooled) == (5_000, 5_000, 0, 0)
    assert numbers(settings, topology) == list(range(5_000))


class Doomed:
    """A producer whose first half is in Kafka, and in whose name somebody then wrote: its next sequence number is
    refused, which ends it for good."""

    def __init__(self, settings: Settings, topology: Topology) -> None:
        self._settings, self._topology = settings, topology
        self._results: list[ProducerResult] = []
        self.stop = Stop()
        producer_id = new_producer_id(settings.bootstrap_servers) + 1
        source = PausingSource(1_000, pause_at=500)
        self._running = threading.Thread(target=self._run, args=(source,))
        self._running.start()
        eventually(lambda: self.account().acknowledged == 500, what="the first half in Kafka")
        (partition,) = {kept.partition for kept in read_all(settings, topology.raw)}
        forged = HandMade(b"forged", identity=Identity(producer_id, 0, sequence=500))
        send_by_hand(settings.bootstrap_servers, topology.raw, partition, forged)
        source.go_on.set()

    def _run(self, source: PausingSource) -> None:
        self._results.append(run_producer(self._settings, source, self._topology.stream, stop=self.stop))

    def account(self) -> SourceAccount:
        accounts = read_accounts(self._settings.spool_dir, self._topology.stream)
        return accounts[0] if accounts else SourceAccount("", 0, 0, 0, 0, 0)

    def end(self) -> ProducerResult:
        self._running.join(60)
        return self._results[0]


FATAL = "Fatal error: Broker: Broker received an out of order sequence number"


def test_a_fatal_error_costs_the_producer_and_no_reading(
    settings: Settings, topology: Topology, caplog: pytest.LogCaptureFixture
) -> None:
    result = Doomed(settings, topology).end()
    assert FATAL in caplog.text
    assert (result.born, result.acknowledged, result.spooled) == (1_000, 1_000, 0)
    assert numbers(settings, topology) == list(range(1_000))


def test_a_stop_after_a_fatal_error_leaves_the_rest_to_the_next_start(
    settings: Settings, topology: Topology, caplog: pytest.LogCaptureFixture
) -> None:
    slow = ProducerSettings(backoff_seconds=600, backoff_max_seconds=600)
    doomed = Doomed(settings.model_copy(update={"producer": slow}), topology)
    eventually(lambda: doomed.account().spooled == 500, what="the second half in the spool")
    doomed.stop.request()
    assert doomed.end().spooled == 500
    assert FATAL in caplog.text
    again = run_producer(settings, PausingSource(1_000), topology.stream, stop=Stop())
    assert (again.born, again.acknowledged, again.spooled) == (0, 500, 0)
    assert numbers(settings, topology) == list(range(1_000))
