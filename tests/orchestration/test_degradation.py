"""Parts of an installation under Dagster that are away for a while: what goes on, what waits, what is shown.

One line of the table in docs/operations.md a test, as far as no other suite shows it; the table names those. One after
another on one installation, for starting one takes a minute on a busy machine. At the end the audit accounts for all.
"""

from __future__ import annotations

import os
import signal
import urllib.error
from collections.abc import Iterator

import pytest

from iot_platform.lifecycle import is_held
from iot_platform.supervision.slots import Role, Slot
from iot_platform.supervision.supervisor import Supervisor
from tests.support.dagster_ui import Ui
from tests.support.databases import held_by_another, out_of_reach
from tests.support.installation import Installation
from tests.support.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(900)]

VALIDATOR = Slot(Role.VALIDATOR, "iot_data", 0)
GOES_ON_SECONDS = 60.0
SHOWN_SECONDS = 180.0
TOLD_SECONDS = 120.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(
        tmp_path_factory.mktemp("degradation"),
        {
            "IOT_FLEET__RATE": "100",
            "IOT_STREAMS__AIR_QUALITY": "none",
            "IOT_DAGSTER__LOAD_INTERVAL_SECONDS": "5",
            "IOT_DAGSTER__WATCH_INTERVAL_SECONDS": "5",
            "IOT_WAREHOUSE__BUSY_TIMEOUT_SECONDS": "3",
        },
        dagster=True,
    )
    made.run("up", "--detach", timeout_seconds=400)
    try:
        eventually(lambda: published(made) > 0, SHOWN_SECONDS, "readings in the readers' copy")
        eventually(lambda: validated(made) > 0, SHOWN_SECONDS, "a validator that tells its figures")
        yield made
    finally:
        made.run("down")


def validated(installation: Installation) -> int:
    beat = installation.json("status")["heartbeats"].get(VALIDATOR.name, {})
    return int(beat.get("valid", 0))


def published(installation: Installation) -> int:
    """Readings in the readers' copy; none while it is not there yet."""
    if not (installation.settings.published_dir / "manifest.json").exists():
        return 0
    return int(installation.json("query", "SELECT count(*) FROM readings")["rows"][0][0])


def worker(installation: Installation) -> int:
    """The process id of the validator, as its lease tells."""
    return int(VALIDATOR.lease_path(installation.settings).read_text())


def alerts(installation: Installation) -> list[str]:
    return [alert["what"] for alert in installation.json("status")["alerts"]]


def assert_streams_go_on(installation: Installation, old: int, more: int = 500) -> None:
    """`more` readings are validated from now on, by the process that did so before."""
    before = validated(installation)
    eventually(lambda: validated(installation) > before + more, GOES_ON_SECONDS, f"{more} more readings validated")
    assert worker(installation) == old
    assert is_held(VALIDATOR.lease_path(installation.settings))


def test_while_the_warehouse_is_held_streams_go_on_loads_wait_and_the_holder_is_named(
    installation: Installation,
) -> None:
    old = worker(installation)
    with held_by_another(installation.settings.warehouse_path) as holder:
        loaded = installation.json("status")["readings"]
        assert_streams_go_on(installation, old)
        held = installation.run("audit", expect=3)
        assert f"held by process {holder}" in held.stderr
        assert installation.json("status")["readings"] == loaded
        assert published(installation) > 0
    eventually(lambda: installation.json("status")["readings"] > loaded + 500, SHOWN_SECONDS, "what had waited, loaded")


def test_while_dagsters_database_cannot_be_opened_streams_go_on_and_the_ui_says_so(installation: Installation) -> None:
    old, ui = worker(installation), Ui(installation.settings)
    with out_of_reach(installation.settings.dagster_home / "history" / "runs.db"):
        assert_streams_go_on(installation, old, more=2_000)  # 20 s: each stream asks for its run every 10 s
        with pytest.raises((AssertionError, urllib.error.URLError)):
            ui.runs(VALIDATOR.name)
    eventually(lambda: ui.running(VALIDATOR.name) is not None, GOES_ON_SECONDS, "the validator's run in the UI")
    before = installation.json("status")["readings"]
    eventually(lambda: installation.json("status")["readings"] > before, SHOWN_SECONDS, "loads that go on")


def test_while_the_daemon_hangs_streams_go_on_and_status_says_that_nobody_evaluates(installation: Installation) -> None:
    old = worker(installation)
    daemon = next(state.pid for state in Supervisor(installation.settings).states() if state.name == "daemon")
    os.kill(daemon, signal.SIGSTOP)
    try:
        eventually(lambda: "alerts_not_evaluated" in alerts(installation), SHOWN_SECONDS, "the alert of it")
        eventually(lambda: "daemon_down" in alerts(installation), TOLD_SECONDS, "what the watcher outside tells")
        loaded = installation.json("status")["readings"]
        assert_streams_go_on(installation, old)
        assert installation.json("status")["readings"] == loaded
    finally:
        os.kill(daemon, signal.SIGCONT)
    eventually(lambda: "alerts_not_evaluated" not in alerts(installation), SHOWN_SECONDS, "another evaluation")
    eventually(lambda: "daemon_down" not in alerts(installation), SHOWN_SECONDS, "that it is over")
    eventually(lambda: installation.json("status")["readings"] > loaded, SHOWN_SECONDS, "loads that go on")


def test_after_all_that_every_reading_is_accounted_for(installation: Installation) -> None:
    installation.run("drain", "--timeout", "120", timeout_seconds=400)
    report = installation.json("audit")
    assert (report["unaccounted"], report["in_flight"], report["findings"]) == (0, 0, [])
    assert report["loaded"] == {"valid": report["valid"], "dead": report["dead"]}
