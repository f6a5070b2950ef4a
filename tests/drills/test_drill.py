"""What drills have in common: steps, claims, one verdict, and an installation that is nobody else's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from iot_platform.cli.drills import broker_crash as command
from iot_platform.clock import ManualClock
from iot_platform.drills import broker_crash
from iot_platform.drills.broker_crash import CrashPlan, settings_of
from iot_platform.drills.drill import Drill
from iot_platform.drills.installation import environment_of, own_directory, own_installation
from iot_platform.errors import UnavailableError
from iot_platform.settings import Settings, load_settings
from iot_platform.stream.flow import longest_pause


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 7, 1, tzinfo=UTC))


@pytest.fixture
def drill(told: list[str], clock: ManualClock) -> Drill:
    return Drill("fire", told.append, clock)


def test_each_step_and_claim_is_told_when_it_happens_and_kept_with_its_figures(
    drill: Drill, told: list[str], clock: ManualClock
) -> None:
    clock.advance(1.5)
    drill.step("3 doors opened.", doors=3)
    drill.claim("All came out.", held=True)
    assert told == ["   1.5 s  3 doors opened.", "          held      All came out."]
    document = drill.outcome().as_document()
    assert document == {
        "drill": "fire",
        "held": True,
        "seconds": 1.5,
        "claims": [{"text": "All came out.", "held": True}],
        "steps": [{"seconds": 1.5, "text": "3 doors opened.", "doors": 3}],
    }
    json.dumps(document)


@pytest.mark.parametrize(("claims", "held"), [([], False), ([True], True), ([True, False], False)])
def test_a_drill_holds_when_it_claimed_something_and_every_claim_did(
    drill: Drill, claims: list[bool], held: bool
) -> None:
    for number, claim in enumerate(claims):
        drill.claim(f"claim {number}", claim)
    assert drill.outcome().held is held


def test_what_does_not_come_about_ends_the_drill_without_a_verdict(drill: Drill) -> None:
    with pytest.raises(UnavailableError, match="ends without a verdict: smoke did not come within 0 s"):
        drill.require(lambda: False, 0, "smoke")


@pytest.mark.parametrize(
    ("arrivals", "pause"), [([], 10.0), ([0.5, 1.0, 9.0], 8.0), ([5.0], 5.0), ([-3.0, 4.0, 12.0], 6.0)]
)
def test_the_longest_pause_counts_from_the_first_moment_to_the_last(arrivals: list[float], pause: float) -> None:
    assert longest_pause(arrivals, 0.0, 10.0) == pause


def test_nothing_of_the_users_settings_comes_into_a_drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("iot.toml").write_text('[streams.greenhouse]\npartitions = 2\n[alerts]\nchannels = ["json://127.0.0.1:9"]\n')
    monkeypatch.setenv("IOT_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("IOT_STREAMS__MINE__PARTITIONS", "7")
    directory = own_directory("test")
    try:
        made = settings_of(directory, tmp_path / "cache", CrashPlan(rate=5, seconds=1))
        assert (made.own_broker, list(made.streams), made.alerts.channels) == (True, ["iot_data"], ())
        for name in [name for name in os.environ if name.startswith("IOT_")]:
            monkeypatch.delenv(name)
        for name, value in environment_of(made).items():
            monkeypatch.setenv(name, value)
        assert load_settings() == made  # what its processes see
    finally:
        (directory / "iot.toml").unlink()
        directory.rmdir()


def test_the_directory_of_a_drill_goes_with_it_unless_it_is_kept(tmp_path: Path) -> None:
    for name, keep in (("gone", False), ("kept", True)):
        (tmp_path / name).mkdir()
        settings = Settings.model_construct(state_dir=tmp_path / name / "state", instance="x")
        with own_installation(settings, print, keep=keep):
            assert (tmp_path / name).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


_INTERRUPTED = """
import signal
import sys
from pathlib import Path
from iot_platform.drills.installation import own_installation
from iot_platform.settings import Settings
directory = Path(sys.argv[1])
settings = Settings.model_construct(state_dir=directory / "state", instance="x")
signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run as a job that ignores it
with own_installation(settings, lambda _: None, keep=False):
    print("there", flush=True)
    import time
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_drill_that_is_interrupted_clears_up(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "own").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED, str(tmp_path / "own")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        child.send_signal(number)
        assert child.wait(60) != 0
    assert list(tmp_path.iterdir()) == []


def test_the_exit_code_is_the_verdict(
    drill: Drill, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(made: Drill, *_: object) -> object:
        made.claim("All came out.", held=False)
        return made.outcome()

    monkeypatch.setattr(broker_crash, "run", run)
    with pytest.raises(typer.Exit) as left:
        command(as_json=True)
    assert left.value.exit_code == 1
    assert json.loads(capsys.readouterr().out)["held"] is False
