"""Scenes for the fault cases, and the table of what they found."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.settings import FleetSettings, KafkaSettings, Settings, StreamSettings, load_settings
from tests.faults import report
from tests.faults.cases import EXPECTED, MEANINGS
from tests.faults.invariants import Verdict, judged
from tests.faults.report import Run
from tests.faults.scene import Scene
from tests.faults.victim import Victim
from tests.faults.watcher import Watcher

_PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
_RUNS = pytest.StashKey[list[Run]]()
RECOVER_SECONDS = 120.0
"""I9: what every case must do within, on a busy machine too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", action="store_true", help="write the table into docs/faults.md")


class Case:
    """Notes what a case found, for the table."""

    def __init__(self, name: str, runs: list[Run]) -> None:
        self._name = name
        self._runs = runs

    def note(self, lost: int = 0, doubled: int = 0, seconds: float | None = None) -> None:
        self._runs.append(Run(self._name, lost, doubled, seconds))

    def holds(self, scene: Scene, watcher: Watcher | None = None, within_seconds: float = RECOVER_SECONDS) -> Verdict:
        """Let the scene come to rest and judge it: I1 to I10. Returns the verdict of a scene that passed."""
        seconds = scene.settle()
        evidence = scene.evidence()
        verdict = judged(evidence, scene.judge())
        self.note(verdict.lost, verdict.doubled, seconds)
        seen = watcher.agrees_with(evidence.validated, evidence.dead) if watcher else []
        assert not verdict.violations, "\n".join(verdict.violations)
        assert not seen, "\n".join(seen)
        assert seconds < within_seconds, f"I9: recovered after {seconds:.0f} s"
        assert verdict.accepted, "nothing was sent, so nothing is proved"
        return verdict


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    name = report.case_of(request.node.name)
    assert name is not None, "a case is named test_f<number>_…"
    return Case(name, request.config.stash.setdefault(_RUNS, []))


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Scene:
    """On the shared broker, which no case may harm, with canaries in its outputs."""
    made = Scene(settings, tmp_path)
    made.sing()
    return made


def settings_on(servers: str, directory: Path, options: StreamSettings | None = None, **changes: Any) -> Settings:
    """Settings of a stream of its own, with `options`, on the Kafka at `servers`; `changes` are sections."""
    stream = f"f{uuid.uuid4().hex[:10]}"
    return load_settings(
        **{
            "instance": stream,
            "state_dir": directory / stream,
            "kafka": KafkaSettings(bootstrap_servers=servers),
            "streams": {stream: options or StreamSettings()},
            **changes,
        }
    )


MakeScene = Callable[..., Scene]


@pytest.fixture
def make_scene(broker: LocalBroker, tmp_path: Path) -> MakeScene:
    """More scenes on the shared broker."""
    return lambda **changes: Scene(settings_on(broker.bootstrap_servers, tmp_path, **changes), tmp_path)


@pytest.fixture(scope="session")
def victim_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    made = Victim(tmp_path_factory.mktemp("victim"))
    made.begin()
    yield made
    made.end()


@pytest.fixture
def victim(victim_of_the_session: Victim) -> Iterator[Victim]:
    """A broker behind a proxy, for a case to break; mended afterwards."""
    yield victim_of_the_session
    victim_of_the_session.recover()


@pytest.fixture
def frail(victim: Victim, tmp_path: Path) -> Scene:
    """A scene on the broker that may be broken."""
    made = Scene(settings_on(victim.servers, tmp_path), tmp_path)
    made.sing()
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A case that failed before it noted anything is a row of the table too."""
    made: Any = yield
    name = report.case_of(item.name)
    if name is not None and made.failed:
        item.config.stash.setdefault(_RUNS, []).append(Run(name, passed=False))
    return made


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    runs = config.stash.get(_RUNS, [])
    if not runs:
        return
    table = report.rows(runs, EXPECTED)
    terminalreporter.section("faults")
    terminalreporter.write_line(report.as_text(table))
    if config.getoption("--write", default=False):
        told = (
            f"Measured on {datetime.now(UTC).date()} with `make faults ARGS=--write` on {os.cpu_count()} cores; the "
            f"fleet's seed was {FleetSettings().seed}."
        )
        _PAGE.write_text(report.written(_PAGE.read_text(), table, MEANINGS, told))
