"""Three real brokers without anything above them: what one's death changes for clients that start then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_platform.contract.topology import Topology
from iot_platform.settings import KafkaSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import describe, ensure_topics, leader_of
from tests.support.brokers import ThreeBrokers
from tests.support.pipeline import validated
from tests.support.readings import encoded
from tests.support.topics import read_all
from tests.support.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeBrokers]:
    made = ThreeBrokers(tmp_path_factory.mktemp("three"))
    made.start()
    yield made
    made.kill()


def settings_of(three: ThreeBrokers, state_dir: Path, stream: str) -> Settings:
    return load_settings(
        instance=stream,
        state_dir=state_dir,
        kafka=KafkaSettings(bootstrap_servers=three.bootstrap_servers),
        streams={stream: StreamSettings()},
    )


def test_all_starts_and_works_with_the_first_bootstrap_server_dead_for_any_one_of_them(
    three: ThreeBrokers, tmp_path: Path
) -> None:
    """Topics are made with all three; then producer, validator and reader begin anew with one of them dead."""
    sent = 0
    topology = Topology("t_one_dead")
    settings = settings_of(three, tmp_path, topology.stream)
    ensure_topics(Clients(settings), settings, topology.stream)
    config = describe(Clients(settings).admin(), topology.raw)
    assert config["min.insync.replicas"] == "2"
    for number in (1, 2, 3):
        three.kill(number)
        eventually(
            lambda dead=number: leader_of(Clients(settings), topology.raw, 0) not in (-1, dead), 120, "another leader"
        )
        values = [encoded(sensor_id=f"sensor-{each}") for each in range(50)]
        totals = validated(settings, topology, values)
        sent += len(values)
        assert totals.valid == len(values)
        assert len(read_all(settings, topology.validated)) == sent
        three.start(number)
