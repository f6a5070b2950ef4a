"""F39, F44: clocks that lie, and an orchestrator that dies or does things twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from iot_platform.clock import SystemClock
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.stream.validator import Validator
from tests.faults.conftest import Case
from tests.faults.scene import KILLED, Scene
from tests.support.given import Given, many, sound
from tests.support.processes import environment, has_stopped
from tests.support.topics import read_ledger
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka


class WrongClock(SystemClock):
    """Wall time is off by each of `shifts` in turn, one look after the other; the monotonic clock is right."""

    def __init__(self, *shifts: timedelta) -> None:
        self._shifts = list(shifts)

    def now(self) -> datetime:
        self._shifts.append(self._shifts.pop(0))
        return datetime.now(UTC) + self._shifts[0]


HOUR = timedelta(hours=1)
CLOCKS = {
    "an hour behind": WrongClock(-HOUR),
    "25 hours ahead": WrongClock(25 * HOUR),
    "stepping in a transaction": WrongClock(timedelta(0), -HOUR, 25 * HOUR, -10_000 * HOUR),
}


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS.keys())
def test_f39_no_clock_of_a_validator_empties_the_window_or_changes_a_verdict(
    scene: Scene, case: Case, clock: WrongClock
) -> None:
    given = many(60)
    for number in range(3):
        scene.send(60)
        scene.give(Given(given, f"given-{number}"))
        limit = Limit(Bounds(until_caught_up=True, seconds=90), SystemClock())
        Validator(scene.settings, scene.stream, 0, clock).run(Stop(), limit, lambda: None)
        assert not limit.reached
    case.holds(scene)
    assert sum(entry.duplicates for entry in read_ledger(scene.settings, scene.stream)) >= 120


MOMENTS = ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2099-06-01T00:00:00Z", "0001-01-01T00:00:00Z")


def test_f39_no_clock_of_a_device_empties_the_window(scene: Scene, case: Case) -> None:
    given = many(30)
    liars = [sound(expectation="dead", generated_at=moment) for moment in MOMENTS]
    for number in range(3):
        scene.give(Given([*liars, *given, *liars], f"given-{number}"))
        scene.validate()
    case.holds(scene)
    assert sum(entry.duplicates for entry in read_ledger(scene.settings, scene.stream)) == 60


def test_f44_of_two_loads_at_once_one_writes(scene: Scene, case: Case) -> None:
    scene.send(300)
    scene.validate()
    small = {"IOT_WAREHOUSE__BATCH_ROWS": "20", "IOT_WAREHOUSE__BUSY_TIMEOUT_SECONDS": "1"}
    load = ("load", "--until-caught-up")
    with scene.process(*load, **small, IOT_FAULTPOINT="loader.after_rows:stop:2") as first:
        eventually(lambda: has_stopped(first), 60, "a load that sleeps in its transaction")
        with scene.process(*load, **small) as second:
            assert second.wait(60) == 3
        assert "The loader already runs here" in scene.log.read_text()
        os.kill(first.pid, signal.SIGCONT)
        assert first.wait(60) == 0
    case.holds(scene)


_RUN = """
import dagster as dg
from iot_platform import faultpoints
from iot_platform.orchestration.assets.warehouse import load_asset
from iot_platform.settings import load_settings
from iot_platform.warehouse.schema import described_tables
settings = load_settings()
faultpoints.arm(settings.faultpoint)
with dg.DagsterInstance.ephemeral() as instance:
    dg.materialize([load_asset(settings, described_tables())], instance=instance)
"""


def test_f44_a_run_of_dagster_killed_in_a_load_loses_and_doubles_nothing(scene: Scene, case: Case) -> None:
    scene.send(300)
    scene.validate()
    small = {"IOT_WAREHOUSE__BATCH_ROWS": "20", "IOT_FAULTPOINT": "loader.after_rows:kill:3"}
    done = subprocess.run(
        [sys.executable, "-c", _RUN], env=environment(scene.settings, **small), capture_output=True, check=False
    )
    assert done.returncode == KILLED, done.stderr.decode()[-3000:]
    case.holds(scene)
