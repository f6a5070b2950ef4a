"""Dagster instances for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from iot_platform.settings import Settings
from tests.orchestration.here import installed


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """An installation whose Kafka never answers, in the environment too."""
    return installed(monkeypatch, tmp_path / "state")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A real instance that forgets everything."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A real instance on SQLite, as an installation has it."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
        yield made
