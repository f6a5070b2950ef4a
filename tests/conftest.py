"""The real broker that tests share, and settings for one test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.broker.ports import free_port
from iot_platform.contract.topology import Topology
from iot_platform.settings import KafkaSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from iot_platform.stream.topics import ensure_topics

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

_REAL_BROKER_FIXTURES = frozenset({"broker", "settings", "new_broker", "victim"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a broker as `kafka`, so that `-m "not kafka"` is quick and true without anybody's care."""
    for item in items:
        if _REAL_BROKER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


def own_broker_settings(state_dir: Path) -> Settings:
    """Settings of an installation with a broker of its own on free ports."""
    return load_settings(
        state_dir=state_dir,
        kafka=KafkaSettings(broker_port=free_port(), controller_port=free_port(), heap_mb=384),
    )


def start(broker: LocalBroker) -> None:
    broker.start()
    clients = Clients(load_settings(kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers)))
    broker.wait_ready(lambda: is_reachable(clients))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """One real Kafka for the whole session."""
    node = LocalBroker(own_broker_settings(tmp_path_factory.mktemp("kafka")))
    start(node)
    yield node
    node.kill()  # what it holds goes with the session: hundreds of topics take a minute to close in order


@pytest.fixture
def new_broker(tmp_path: Path) -> Iterator[Callable[[], LocalBroker]]:
    """Makes brokers that a test may kill; each is closed at the end of it."""
    made: list[LocalBroker] = []

    def make() -> LocalBroker:
        node = LocalBroker(own_broker_settings(tmp_path / f"kafka-{len(made)}"))
        made.append(node)
        start(node)
        return node

    yield make
    for node in made:
        node.kill()


@pytest.fixture
def stream_name() -> str:
    """A stream that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def settings(broker: LocalBroker, stream_name: str, tmp_path: Path) -> Settings:
    """Settings on the shared broker, with a stream, an instance and a state directory of their own."""
    return load_settings(
        instance=stream_name,
        state_dir=tmp_path / "state",
        kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers),
        streams={stream_name: StreamSettings()},
    )


@pytest.fixture
def topology(settings: Settings, stream_name: str) -> Topology:
    """The test's stream with its topics made."""
    ensure_topics(Clients(settings), settings, stream_name)
    return Topology(stream_name)
