"""The cluster as it is: on one broker, and of three when one is away."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from iot_platform.broker.sizes import topic_bytes
from iot_platform.clock import ManualClock, SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.pipeline.cluster import ClusterReport, cluster_document, watch_cluster
from iot_platform.settings import KafkaSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from iot_platform.watch.cluster import judging
from tests.support.brokers import ThreeBrokers
from tests.support.waiting import eventually

_SECONDS = 20.0


def names(report: ClusterReport, topology: Topology) -> set[str]:
    """What is found, of what concerns this stream: other tests break other things on the shared broker."""
    mine = [finding for finding in report.findings if topology.stream in finding.text or finding.subject == "disk"]
    return {finding.name for finding in mine}


@pytest.fixture
def topology(settings: Settings, stream_name: str) -> Topology:
    ensure_topics(Clients(settings), settings, stream_name)
    return Topology(stream_name)


def test_one_broker_is_shown_with_its_topics(settings: Settings, topology: Topology) -> None:
    producer: Producer = Clients(settings).producer()
    for _ in range(7):
        producer.produce(topology.raw, b"value", partition=1)
    assert producer.flush(_SECONDS) == 0
    report = watch_cluster(settings, SystemClock())
    document = cluster_document(report)
    assert [broker["server"] for broker in document["brokers"]] == [settings.bootstrap_servers]
    (raw,) = (topic for topic in document["topics"] if topic["topic"] == topology.raw)
    assert (raw["partitions"], raw["replicas"], raw["offsets"], raw["kept_seconds"]) == (3, 1, 7, 7 * 86_400.0)
    assert (raw["bytes"], document["disk"]) == (None, None)  # not ours, as far as the settings know
    assert names(report, topology) == set()


def test_a_transaction_that_nobody_ends_is_named_with_its_age_and_forgotten_when_it_is_over(
    settings: Settings, topology: Topology
) -> None:
    clock = ManualClock(SystemClock().now())
    hanging = Clients(settings).producer(
        {"transactional.id": f"test-{uuid.uuid4()}", "transaction.timeout.ms": 600_000}
    )
    hanging.init_transactions(_SECONDS)
    hanging.begin_transaction()
    hanging.produce(topology.validated, b"value", partition=2)
    assert hanging.flush(_SECONDS) == 0
    for _ in range(4):
        report = watch_cluster(settings, clock)
        clock.advance(30)
    (found,) = (one for one in report.findings if topology.validated in one.text)
    assert (found.name, found.subject) == (judging.TRANSACTION_OPEN, f"{topology.validated}/2")
    assert "has been open for 90 s or longer: it holds back 1 offsets from 0 on." in found.text
    hanging.abort_transaction(_SECONDS)
    clock.advance(30)
    eventually(lambda: names(watch_cluster(settings, clock), topology) == set(), what="the end of the transaction")


@pytest.fixture
def three(tmp_path: Path) -> Iterator[ThreeBrokers]:
    made = ThreeBrokers(tmp_path / "three")
    made.start()
    yield made
    made.kill()


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(900)
def test_of_three_one_that_is_away_is_named_within_half_a_minute_and_forgotten_when_it_is_back(
    three: ThreeBrokers, tmp_path: Path
) -> None:
    settings = load_settings(
        state_dir=tmp_path,
        kafka=KafkaSettings(bootstrap_servers=three.bootstrap_servers),
        streams={"s": StreamSettings()},
    )
    ensure_topics(Clients(settings), settings, "s")

    def found() -> set[str]:
        return {finding.name for finding in watch_cluster(settings, SystemClock()).findings}

    eventually(lambda: found() == set(), 120, "a cluster that is well")
    three.kill(2)
    eventually(lambda: found() == {judging.BROKER_GONE, judging.UNDER_REPLICATED}, 30, "its being named")
    three.kill(3)
    eventually(lambda: _away_or(found, judging.BROKER_GONE), 30, "a cluster that cannot go on")
    three.start(3)
    three.start(2)
    eventually(lambda: not _away_or(found, judging.BROKER_GONE) and found() == set(), 300, "a cluster that is well")


def _away_or(found: Callable[[], set[str]], name: str) -> bool:
    """Whether it is found, or nobody answers."""
    try:
        return name in found()
    except KafkaUnavailableError:
        return True


def test_bytes_of_topics_are_those_of_their_directories_and_of_every_replica(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path, kafka=KafkaSettings(brokers=3))
    for broker in ("kafka", "kafka-2", "kafka-3"):
        for directory in ("raw_s-0", "raw_s-11", "s_dlq-0", "raw_s-0.abc-delete", "__cluster_metadata-0"):
            place = tmp_path / broker / "data" / directory
            place.mkdir(parents=True)
            (place / "0.log").write_bytes(b"x" * 8_192)
    found = topic_bytes(settings)
    assert set(found) == {"raw_s", "s_dlq", "__cluster_metadata"}
    assert (found["raw_s"], found["s_dlq"]) == (6 * 8_192, 3 * 8_192)
