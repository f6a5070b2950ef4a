"""Dagster instances for one test."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy

from iot_platform.orchestration.streams import ops
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
    """A real instance on SQLite, as an installation has it, but for a test's disk that need not survive a power cut."""
    (tmp_path / "dagster").mkdir()
    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", _without_sync)
    try:
        with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
            yield made
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", _without_sync)


def _without_sync(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(autouse=True)
def _we_are_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ops that run in the tests' own process must not end it when a test plays the death of its parent."""
    monkeypatch.setattr(ops, "leave_soon_after_parent", lambda _parent_pid: None)
