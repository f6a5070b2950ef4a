"""The judge of the default stream, as its settings make it."""

from __future__ import annotations

import pytest

from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from tests.contract.records import MAX_BYTES


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge(load_catalogue("iot_data"), Freshness(86_400, 300), MAX_BYTES)
