"""Alerts from the signal to the channel: kept over crashes, told once, never lost, and never with a secret in them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from iot_platform.clock import ManualClock
from iot_platform.pipeline.alerting import evaluate, firing_alerts, recent
from iot_platform.settings import AlertSettings, Settings, load_settings
from iot_platform.watch.alerts.signals import Signal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Receiver:
    """A real HTTP server that takes Apprise's JSON messages, or refuses them."""

    port: int = 0
    status: int = 200
    messages: list[dict[str, Any]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"json://user:s3cret@127.0.0.1:{self.port}/hook")

    @property
    def subjects(self) -> list[str]:
        return [message["title"] for message in self.messages]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.hangs:
                receiver.release.wait(60)
            elif receiver.status == 200:
                receiver.messages.append(json.loads(body))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


Installed = Callable[..., Settings]


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    def make(*channels: SecretStr) -> Settings:
        return load_settings(instance="inst-1", state_dir=tmp_path, alerts=AlertSettings(channels=channels))

    return make


def dead_letters(clock: ManualClock, text: str = "12.4 % in the last hour") -> Signal:
    return Signal("check", "dead_letter_share", "iot_data", "error", text, clock.now())


def test_an_incident_is_told_when_it_fires_and_when_it_is_over(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    settings = installed(receiver.url)
    for _ in range(5):
        evaluate(settings, clock, [dead_letters(clock)])
        clock.advance(60)
    for _ in range(7):
        evaluation = evaluate(settings, clock, [])
        clock.advance(60)
    assert receiver.subjects == [
        "[FIRING] dead letters of iot_data: 12.4 % in the last hour",
        "[RESOLVED] dead letters of iot_data: over after 10 min 0 s",
    ]
    assert "Since 2026-01-01 12:00:00 UTC (2 min 0 s)." in receiver.messages[0]["message"]
    assert "`iot-platform dlq list`" in receiver.messages[0]["message"]
    assert evaluation.firing == ()
    assert [(row["event"], row["outcome"]) for row in recent(settings)] == [("resolved", "sent"), ("fired", "sent")]


def test_without_a_channel_it_is_kept_and_shown_as_not_sent(installed: Installed, clock: ManualClock) -> None:
    settings = installed()
    evaluate(settings, clock, [dead_letters(clock)])
    assert firing_alerts(settings) == []
    clock.advance(120)
    (delivered,) = evaluate(settings, clock, [dead_letters(clock)]).notices
    assert delivered.outcome == "not_sent"
    (firing,) = firing_alerts(settings)
    assert firing["text"] == "dead letters of iot_data: 12.4 % in the last hour"
    (row,) = recent(settings)
    assert (row["outcome"], row["detail"]) == ("not_sent", "No channel is configured: set alerts.channels.")
