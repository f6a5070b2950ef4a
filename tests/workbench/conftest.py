"""The bench of one test."""

from __future__ import annotations

import pytest

from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from tests.workbench.bench import Bench


@pytest.fixture
def bench(settings: Settings, stream_name: str) -> Bench:
    ensure_topics(Clients(settings), settings, stream_name)
    return Bench(settings, Topology(stream_name))
