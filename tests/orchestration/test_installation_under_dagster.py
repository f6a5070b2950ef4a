"""A whole installation under Dagster, as a person meets it: it fills, it is stopped and started, its parts are killed.

One after another on one installation with 1,000 messages a second, for starting one costs half a minute. Whatever was
done to it, at the end the audit accounts for every reading, and `down` leaves no process behind.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.lifecycle import is_held
from iot_platform.quality.checks import CHECKS
from iot_platform.supervision.slots import Role, Slot
from iot_platform.supervision.supervisor import Supervisor
from tests.support.dagster_ui import Run, Ui
from tests.support.installation import Installation
from tests.support.terminal import CTRL_C, in_a_terminal
from tests.support.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

VALIDATOR = Slot(Role.VALIDATOR, "iot_data", 0)
PRODUCER = Slot(Role.PRODUCER, "iot_data")
GONE_SECONDS = 30.0
BACK_SECONDS = 90.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(
        tmp_path_factory.mktemp("dagster"),
        {
            "IOT_FLEET__RATE": "1000",
            "IOT_DAGSTER__LOAD_INTERVAL_SECONDS": "10",
            "IOT_STREAMS__IOT_DATA__VALIDATORS": "1",
        },
        dagster=True,
    )
    made.run("up", "--detach")
    yield made
    made.run("down")


@pytest.fixture(scope="module")
def ui(installation: Installation) -> Ui:
    return Ui(installation.settings)


def is_running(installation: Installation, slot: Slot) -> bool:
    return is_held(slot.lease_path(installation.settings))


def worker(installation: Installation, slot: Slot) -> int:
    """The process id of the slot's worker, as its lease tells."""
    return int(slot.lease_path(installation.settings).read_text())


def validated(installation: Installation) -> int:
    beat = installation.json("status")["heartbeats"].get(VALIDATOR.name, {})
    return int(beat.get("valid", 0))


def await_streams(installation: Installation, ui: Ui, *slots: Slot) -> None:
    """Until each slot has a run that works."""
    for slot in slots or (VALIDATOR, PRODUCER):
        eventually(
            lambda slot=slot: is_running(installation, slot) and ui.running(slot.name) is not None,
            BACK_SECONDS,
            f"a run of {slot.name}",
        )
    eventually(lambda: validated(installation) > 0, BACK_SECONDS, "records validated by the new run")


def await_end(ui: Ui, run: Run, status: str) -> None:
    eventually(
        lambda: next(one.status for one in ui.runs(run.slot) if one.run_id == run.run_id) == status,
        60,
        f"the end of run {run.run_id} as {status}",
    )


def program(installation: Installation, name: str) -> int:
    return next(state.pid for state in Supervisor(installation.settings).states() if state.name == name)


def the_running(ui: Ui, slot: Slot) -> Run:
    run = ui.running(slot.name)
    assert run is not None
    return run


def test_every_asset_is_filled_every_check_is_judged_and_the_streams_run(installation: Installation, ui: Ui) -> None:
    await_streams(installation, ui)
    eventually(lambda: installation.json("status")["readings"] > 0, 60, "readings in DuckDB")

    def missing() -> list[str]:
        assets = ui.assets()
        judged = {name for asset in assets.values() for name, verdict in asset["checks"].items() if verdict}
        empty = [name for name, asset in assets.items() if asset["materializable"] and not asset["materialized"]]
        return [*empty, *(CHECKS.keys() - judged)]

    eventually(lambda: missing() == [], 180, "all assets materialized and all checks judged")
    assert list(installation.settings.reports_dir.glob("*.html"))


def test_red_checks_name_the_planted_troublemakers(installation: Installation, ui: Ui) -> None:
    def red() -> dict[str, Any]:
        verdicts = {name: v for asset in ui.assets().values() for name, v in asset["checks"].items() if v}
        told = {
            name: v["evaluation"] for name, v in verdicts.items() if v["evaluation"]
        }  # none while it is judged anew
        return {name: evaluation for name, evaluation in told.items() if not evaluation["success"]}

    eventually(lambda: "dead_letter_share" in red(), 60, "a red check of the fleet's dead letters")
    found = red()
    assert "troublemakers" in found["dead_letter_share"]["description"]
    assert found.keys() <= {"dead_letter_share", "null_rates", "silent_sensors", "sensor_findings", "lag"}


def test_status_tells_the_uis_address_and_what_runs(installation: Installation) -> None:
    status = installation.json("status")
    assert status["ui_url"] == f"http://127.0.0.1:{installation.settings.dagster.ui_port}"
    assert status["streams"]["iot_data"] == {"desired": 1, "running": 1, "off": {}, "scaling": None, "paused": None}
    assert {process["name"]: process["state"] for process in status["processes"]} == dict.fromkeys(
        ("broker", "code-server", "daemon", "webserver", "watcher"), "RUNNING"
    )


def test_what_a_person_terminates_stays_off_and_says_so_until_it_is_started(installation: Installation, ui: Ui) -> None:
    run = the_running(ui, VALIDATOR)
    ui.terminate(run.run_id)
    eventually(lambda: not is_running(installation, VALIDATOR), GONE_SECONDS, "the end of the validator")
    await_end(ui, run, "CANCELED")

    def off() -> dict[str, str]:
        reasons: dict[str, str] = installation.json("status")["streams"]["iot_data"]["off"]
        return reasons

    eventually(lambda: VALIDATOR.name in off(), 60, "the hold")
    assert "terminated by a person" in off()[VALIDATOR.name]
    assert ui.running(VALIDATOR.name) is None

    installation.run("streams", "start", VALIDATOR.name)
    await_streams(installation, ui, VALIDATOR)


def test_a_slot_stopped_by_command_ends_well_and_a_run_launched_by_hand_takes_it_up_again(
    installation: Installation, ui: Ui
) -> None:
    run = the_running(ui, VALIDATOR)
    installation.run("streams", "stop", VALIDATOR.name)
    await_end(ui, run, "SUCCESS")
    launched = ui.launch("validator", {"ops": {"validate_stream": {"config": {"stream": "iot_data", "slot": 0}}}})
    await_streams(installation, ui, VALIDATOR)
    assert the_running(ui, VALIDATOR).run_id == launched
    assert installation.json("status")["streams"]["iot_data"]["off"] == {}


def kill_worker(installation: Installation) -> int:
    return worker(installation, VALIDATOR)


def kill_code_server(installation: Installation) -> int:
    return program(installation, "code-server")


@pytest.mark.parametrize("victim", [kill_worker, kill_code_server], ids=["its worker", "the code server"])
def test_after_a_kill_of(installation: Installation, ui: Ui, victim: Callable[[Installation], int]) -> None:
    """… no zombie consumes, its run is told to have failed, and another goes on."""
    run, old = the_running(ui, VALIDATOR), worker(installation, VALIDATOR)
    os.kill(victim(installation), signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(old), GONE_SECONDS, "the end of the old worker")
    eventually(lambda: _answers(ui), BACK_SECONDS, "the UI with its definitions")
    await_end(ui, run, "FAILURE")
    await_streams(installation, ui)
    assert worker(installation, VALIDATOR) != old


def _answers(ui: Ui) -> bool:
    try:
        return ui.running(PRODUCER.name) is not None or ui.runs(PRODUCER.name) != []
    except OSError:
        return False


@pytest.mark.parametrize("name", ["daemon", "webserver"])
def test_streams_go_on_while_another_process_is_killed_and_comes_back(
    installation: Installation, ui: Ui, name: str
) -> None:
    old, before = worker(installation, VALIDATOR), validated(installation)
    killed = program(installation, name)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: program(installation, name) not in (0, killed), GONE_SECONDS, f"another {name}")
    eventually(lambda: validated(installation) > before, GONE_SECONDS, "records validated meanwhile")
    assert worker(installation, VALIDATOR) == old
    eventually(lambda: _answers(ui), BACK_SECONDS, "the UI")


def test_streams_outlive_a_kill_of_the_broker(installation: Installation, ui: Ui) -> None:
    pid = LocalBroker(installation.settings).pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: LocalBroker(installation.settings).pid() not in (None, pid), GONE_SECONDS, "another broker")
    eventually(lambda: installation.json("status")["kafka"]["reachable"], 60, "an answer of Kafka")
    before = validated(installation)
    eventually(lambda: validated(installation) != before, BACK_SECONDS, "records validated after it")
    await_streams(installation, ui)


def test_drain_stops_the_streams_loads_everything_and_leaves_the_ui(installation: Installation, ui: Ui) -> None:
    installation.run("drain", "--timeout", "120", timeout_seconds=300)
    assert not is_running(installation, VALIDATOR)
    assert not is_running(installation, PRODUCER)
    report = installation.json("audit")
    assert (report["unaccounted"], report["in_flight"], report["findings"]) == (0, 0, [])
    assert report["loaded"] == {"valid": report["valid"], "dead": report["dead"]}
    assert ui.runs(VALIDATOR.name)[0].status == "SUCCESS"
    installation.run("up", "--detach")
    await_streams(installation, ui)


def test_down_leaves_no_process_and_up_goes_on_where_it_was(installation: Installation, ui: Ui) -> None:
    before = installation.json("status")["readings"]
    installation.run("down")
    eventually(lambda: installation.processes() == [], GONE_SECONDS, "the end of all processes")
    installation.run("up", "--detach")
    await_streams(installation, ui)
    eventually(lambda: installation.json("status")["readings"] > before, 120, "more readings")
    assert installation.json("audit")["unaccounted"] == 0


def test_when_the_supervisor_is_killed_nothing_lives_on_and_ctrl_c_in_the_next_start_stops_all(
    installation: Installation, ui: Ui
) -> None:
    supervisor = Supervisor(installation.settings).pid()
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: installation.processes() == [], 60, "the end of all processes")
    with in_a_terminal(installation, "up") as terminal:
        eventually(lambda: _answers(ui), 120, "the UI")
        await_streams(installation, ui)
        assert installation.json("audit")["findings"] == []
        terminal.press(CTRL_C)
        assert terminal.exit_code(120) == 0
    eventually(lambda: installation.processes() == [], GONE_SECONDS, "the end of all processes")
