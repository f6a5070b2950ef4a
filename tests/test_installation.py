"""A whole installation, as a person meets it: up, look, break, down; and two of them side by side."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_platform.supervision.supervisor import Supervisor
from tests.support.installation import Installation
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

FLEET = {
    "IOT_FLEET__RATE": "200",
    "IOT_WAREHOUSE__LOAD_INTERVAL_SECONDS": "1",
    "IOT_WAREHOUSE__PUBLISH_INTERVAL_SECONDS": "2",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One that runs, with readings and dead letters loaded."""
    made = Installation(tmp_path_factory.mktemp("installation"), FLEET)
    made.run("up", "--detach")
    eventually(lambda: made.json("status")["dead_letters"]["total"] > 0, 90, "a dead letter in DuckDB")
    yield made
    made.run("down")


def test_status_shows_readings_dead_letters_with_reasons_and_little_lag(installation: Installation) -> None:
    status = installation.json("status")
    assert status["instance"] == installation.settings.instance
    assert status["kafka"] == {"servers": installation.settings.bootstrap_servers, "reachable": True}
    assert status["streams"] == {
        "iot_data": {"desired": 1, "running": 1, "off": {}, "paused": None, "scaling": None},
        "air_quality": {"desired": 1, "running": 1, "off": {}, "paused": None, "scaling": None},
    }
    eventually(lambda: installation.json("status")["readings"] > 100, 60, "a hundred readings in DuckDB")
    assert sum(status["dead_letters"]["by_reason"].values()) >= status["dead_letters"]["total"] > 0
    eventually(lambda: installation.json("status")["lag"]["messages"] < 200, 30, "a small lag")
    assert status["alerts"] == []


def test_the_audit_accounts_for_every_reading_while_all_runs(installation: Installation) -> None:
    report = installation.json("audit")
    whole = sum(report[part] for part in ("valid", "dead", "duplicates", "in_flight", "unaccounted"))
    assert (report["raw"], report["unaccounted"], report["findings"]) == (whole, 0, [])


def test_the_warehouse_can_be_asked_while_it_is_loaded(installation: Installation) -> None:
    def rows(sql: str) -> list[list[object]]:
        answer: list[list[object]] = installation.json("query", sql)["rows"]
        return answer

    eventually(lambda: int(str(rows("SELECT count(*) FROM readings")[0][0])) > 0, 30, "rows in the reader's copy")
    assert rows("SELECT count(*) - count(DISTINCT message_id) FROM readings") == [[0]]
    for name in ("daily_counts", "dead_by_reason", "latest", "null_rates", "worst_sensors"):
        assert name in installation.run("query").stdout
        assert rows(name) or name == "null_rates"


def test_a_dead_letter_can_be_found_and_seen_whole(installation: Installation) -> None:
    eventually(lambda: bool(installation.json("dlq", "list")["dead_letters"]), 30, "a dead letter in the copy")
    newest = installation.json("dlq", "list")["dead_letters"][0]
    assert newest["source"] in installation.run("dlq", "list", "--limit", "500").stdout  # to be copied, at 80 columns
    (whole,) = installation.json("dlq", "show", newest["source"])["dead_letters"]
    assert whole["reasons"] == newest["reasons"]
    assert "value_base64" in whole
    assert "no reason code" in installation.run("dlq", "list", "--reason", "odd", expect=2).stderr


def test_names_and_process_ids_are_whole_at_80_columns(installation: Installation) -> None:
    status, lag = installation.run("status").stdout, installation.run("lag").stdout
    for process in installation.json("status")["processes"]:
        assert f" {process['name']} " in status
        assert f" {process['pid']} " in status
    for group in installation.json("lag")["groups"]:
        assert f"Lag of {group['group']} " in lag
        assert all(f" {part['topic']} " in lag for part in group["partitions"])


def test_a_second_start_says_so_and_names_the_setting(installation: Installation) -> None:
    refused = installation.run("up", "--detach", expect=3)
    assert "already runs" in refused.stderr
    assert "IOT_STATE_DIR" in refused.stderr
    assert "Run `iot-platform down` first" in installation.run("reset", "--yes", expect=3).stderr


def test_a_second_installation_beside_it_disturbs_nobody(installation: Installation, tmp_path: Path) -> None:
    other = Installation(tmp_path, {**FLEET, "IOT_FLEET__SENSORS": "10"})
    other.run("up", "--detach")
    try:
        eventually(lambda: other.json("status")["readings"] > 0, 60, "readings of the second one")
        assert other.json("audit")["unaccounted"] == 0
        sensors = other.json("query", "SELECT count(DISTINCT sensor_id) FROM readings")
        assert sensors["rows"][0][0] <= 10
    finally:
        other.run("down")
    assert other.processes() == []
    assert installation.json("status")["alerts"] == []


def test_when_the_supervisor_is_killed_nothing_of_it_lives_on_and_up_goes_on_where_it_was(
    installation: Installation,
) -> None:
    before = installation.json("status")["readings"]
    supervisor = Supervisor(installation.settings).pid()
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: installation.processes() == [], 40, "the end of all processes")
    installation.run("up", "--detach")
    eventually(lambda: installation.json("status")["readings"] > before, 60, "new readings")
    assert installation.json("audit")["findings"] == []


def test_a_taken_port_is_told_with_its_setting_and_nothing_is_left(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", made.settings.kafka.broker_port))
        holder.listen()
        refused = made.run("up", "--detach", expect=3)
    assert f"Port {made.settings.kafka.broker_port}" in refused.stderr
    assert "IOT_KAFKA__BROKER_PORT" in refused.stderr
    assert made.processes() == []


def test_an_unreadable_spool_stops_its_source_alone_and_is_told(tmp_path: Path) -> None:
    made = Installation(tmp_path, FLEET)
    made.settings.spool_dir.mkdir(parents=True)
    (made.settings.spool_dir / "iot_data-fleet.sqlite").write_bytes(b"no database" * 1_000)
    made.run("up", "--detach")
    try:
        status = made.json("status")
        running = {process["name"] for process in status["processes"] if process["state"] == "RUNNING"}
        assert {"broker", "loader", "validator-iot_data-0", "validator-air_quality-0"} <= running
        assert "iot_data-fleet.sqlite is damaged" in str(status["alerts"])
        assert "iot_data-fleet.sqlite is damaged" in made.run("audit", expect=1).stderr
    finally:
        made.run("down")


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("IOT_STREAMS__IOT_DATA__CATALOGUE", "no/such.toml", "neither built in nor a readable file"),
        ("IOT_FLEET__RATE", "fast", "IOT_FLEET__RATE"),
        ("IOT_FLEET__STREAM", "elsewhere", "Set IOT_FLEET__STREAM to one of these"),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(tmp_path: Path, setting: str, value: str, words: str) -> None:
    made = Installation(tmp_path, {setting: value})
    refused = made.run("up", "--detach", expect=2)
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
