"""Alerts without Dagster's daemon: who evaluates what, and a heartbeat that stops when nobody does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from iot_platform.broker.ports import free_port
from iot_platform.clock import ManualClock, SystemClock
from iot_platform.lifecycle import Heartbeat, Stop
from iot_platform.pipeline.alerting import evaluate, recent
from iot_platform.pipeline.firing import SENSOR, WATCHER, evaluated_at
from iot_platform.settings import (
    AlertSettings,
    DagsterSettings,
    FleetSettings,
    KafkaSettings,
    Settings,
    StreamSettings,
    load_settings,
)
from iot_platform.supervision.heartbeat_out import ping
from iot_platform.supervision.watcher import Watcher
from iot_platform.watch.alerts.signals import SEEN_FROM_OUTSIDE, Signal
from tests.support.receiver import SECRET
from tests.support.waiting import eventually

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def installed(directory: Path, *, dagster: bool, heartbeat: str = "") -> Settings:
    """Nothing of it runs: its own broker, if any, is down."""
    return load_settings(
        state_dir=directory,
        kafka=KafkaSettings(broker_port=free_port(), controller_port=free_port()),
        streams={"s": StreamSettings()},
        fleet=FleetSettings(enabled=False),
        dagster=DagsterSettings(enabled=dagster, ui_port=free_port(), code_server_port=free_port()),
        alerts=AlertSettings(heartbeat_url=SecretStr(heartbeat)),
    )


def watcher(settings: Settings, clock: ManualClock) -> Watcher:
    return Watcher(settings, clock, Heartbeat(settings.heartbeat_dir / "watcher.json", clock))


def by_sensor(settings: Settings, clock: ManualClock, *signals: Signal) -> None:
    evaluate(settings, clock, signals, SEEN_FROM_OUTSIDE, by=SENSOR)


def lost(clock: ManualClock) -> Signal:
    return Signal("check", "unaccounted", "s", "error", "3 readings", clock.now(), stream="s")


def test_when_the_daemon_dies_somebody_is_told_within_two_minutes(tmp_path: Path, clock: ManualClock) -> None:
    settings = installed(tmp_path, dagster=True)
    outside = watcher(settings, clock)
    by_sensor(settings, clock)  # the daemon's last deed
    for _ in range(4):
        clock.advance(30)
        outside.once()
    (told,) = [row for row in recent(settings) if row["rule"] == "daemon_down"]
    assert told["event"] == "fired"
    assert datetime.fromisoformat(told["at"]) <= NOON + timedelta(minutes=2)
    assert (evaluated_at(settings, SENSOR), evaluated_at(settings, WATCHER)) == (NOON, clock.now())


def test_while_the_sensor_works_the_one_outside_leaves_its_incidents_alone_and_the_other_way_round(
    tmp_path: Path, clock: ManualClock
) -> None:
    settings = installed(tmp_path, dagster=True)
    outside = watcher(settings, clock)
    for _ in range(4):
        by_sensor(settings, clock, lost(clock))
        firing = outside.once().firing
        clock.advance(30)
    assert {one.rule for one in firing} == {"unaccounted", "daemon_down", "code_server_down", "webserver_down"}
    by_sensor(settings, clock)
    assert [(row["rule"], row["event"]) for row in recent(settings) if row["event"] == "resolved"] == []


def test_without_the_sensor_the_one_outside_sees_all_but_the_checks(tmp_path: Path, clock: ManualClock) -> None:
    settings = installed(tmp_path, dagster=True)
    outside = watcher(settings, clock)
    by_sensor(settings, clock, lost(clock))
    for _ in range(5):
        clock.advance(30)
        firing = outside.once().firing
    rules = {one.rule for one in firing}
    assert {"daemon_down", "kafka_unreachable", "unaccounted"} <= rules  # nobody has seen that it was accounted for
    assert "stream_down" not in rules  # that follows from Kafka's being away
    (kafka,) = [one for one in firing if one.rule == "kafka_unreachable"]
    assert "validator-s-0 is down" in kafka.also


def test_without_dagster_the_one_outside_evaluates_all(tmp_path: Path, clock: ManualClock) -> None:
    settings = installed(tmp_path, dagster=False)
    outside = watcher(settings, clock)
    for _ in range(3):
        firing = outside.once().firing
        clock.advance(30)
    assert [one.rule for one in firing] == ["kafka_unreachable"]
    assert [row["rule"] for row in recent(settings)] == ["kafka_unreachable"]


@contextmanager
def listening(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """An address that counts who asks, as a service for heartbeats does."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{SECRET}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_heartbeat_goes_out_each_minute_while_all_is_watched_and_stops_when_nobody_evaluates(
    tmp_path: Path, clock: ManualClock
) -> None:
    with listening() as (url, asked):
        settings = installed(tmp_path, dagster=True, heartbeat=url)
        outside = watcher(settings, clock)
        outside.once()
        assert asked == []  # the sensor has not come yet
        for _ in range(5):
            by_sensor(settings, clock)
            outside.once()
            clock.advance(30)
        assert asked == [f"/{SECRET}"] * 3  # at 0, 60 and 120 s
        clock.advance(90)  # the daemon is down
        for _ in range(5):
            outside.once()
            clock.advance(30)
        assert len(asked) == 3


def test_a_heartbeat_that_does_not_get_out_is_an_alert_of_its_own(tmp_path: Path, clock: ManualClock) -> None:
    with listening(503) as (url, _):
        settings = installed(tmp_path, dagster=False, heartbeat=url)
        outside = watcher(settings, clock)
        for _ in range(9):
            firing = outside.once().firing
            clock.advance(30)
    (alert,) = [one for one in firing if one.rule == "heartbeat_failing"]
    assert alert.text == "The address in alerts.heartbeat_url did not take it: it answers with status 503."


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"ftp://{SECRET}", "alerts.heartbeat_url is no http or https address"),
        (f"http://127.0.0.1:1/{SECRET}", "it cannot be reached (ConnectionRefusedError)"),
        (f"http://{SECRET}\n.invalid/", "it cannot be reached (InvalidURL)"),
    ],
)
def test_why_a_heartbeat_did_not_get_out_is_said_without_its_address(url: str, why: str) -> None:
    said = ping(SecretStr(url))
    assert (said.sent, said.why) == (False, why)
    assert SECRET not in repr(said)


def test_what_cannot_be_evaluated_is_said_in_the_sign_of_life_and_tried_again(tmp_path: Path) -> None:
    settings, clock, stop = installed(tmp_path, dagster=False), SystemClock(), Stop()
    often = settings.dagster.model_copy(update={"watch_interval_seconds": 0.2})
    settings = settings.model_copy(update={"dagster": often})
    in_the_way = settings.alert_book_path.parent
    in_the_way.write_text("no directory")
    heartbeat = Heartbeat(settings.heartbeat_dir / "watcher.json", clock)
    thread = threading.Thread(target=Watcher(settings, clock, heartbeat).run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: "Not a directory" in str(heartbeat.last_sign()[0].get("problem")), 30, "what is wrong")
        in_the_way.unlink()
        eventually(lambda: "firing" in heartbeat.last_sign()[0], 60, "an evaluation")
    finally:
        stop.request()
        thread.join()
