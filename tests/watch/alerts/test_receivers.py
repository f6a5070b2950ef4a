"""An alert by e-mail and by webhook, on real servers: once, whole, after an outage of theirs; in the book meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from iot_platform.broker.ports import free_port
from iot_platform.clock import ManualClock
from iot_platform.pipeline.alerting import evaluate, recent
from iot_platform.settings import AlertSettings, Settings, load_settings
from iot_platform.watch.alerts.signals import Signal
from tests.support.mailbox import Mailbox
from tests.support.receiver import SECRET, receiving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUBJECT = "[FIRING] readings of iot_data unaccounted for: 3 readings"


def installed(directory: Path, *channels: SecretStr) -> Settings:
    return load_settings(instance="inst-1", state_dir=directory, alerts=AlertSettings(channels=channels))


def fire(settings: Settings, clock: ManualClock) -> list[str]:
    lost = Signal("check", "unaccounted", "iot_data", "error", "3 readings", clock.now(), stream="iot_data")
    return [delivered.outcome for delivered in evaluate(settings, clock, [lost]).notices]


def assert_whole(subject: str, body: str) -> None:
    assert subject == SUBJECT
    for words in ("3 readings", "What to do: `iot-platform audit`", "Runbook: docs/runbooks/unaccounted.md", "inst-1"):
        assert words in body


def test_an_alert_arrives_by_mail_once_after_the_server_was_down_and_shows_in_between(tmp_path: Path) -> None:
    clock, box = ManualClock(NOON), Mailbox(free_port())
    settings = installed(tmp_path, box.url)
    assert fire(settings, clock) == ["failed"]
    (shown,) = recent(settings)
    assert (shown["outcome"], shown["retrying"], shown["detail"]) == (
        "failed", True, "Channel 1 (mailto) did not take the message: nobody takes connections at its server.",
    )  # fmt: skip
    with box.open():
        clock.advance(30)
        assert fire(settings, clock) == ["sent"]
        assert fire(settings, clock) == []
    (mail,) = box.mails
    body = mail.get_body(("plain",))
    assert body is not None
    assert_whole(str(mail["Subject"]), body.get_content())
    assert (mail["To"].addresses[0].addr_spec, recent(settings)[0]["outcome"]) == ("ada@example.org", "sent")


def test_an_alert_arrives_at_a_webhook_once_after_nobody_was_there(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    assert fire(installed(tmp_path, hook_url(free_port())), clock) == ["failed"]
    with receiving() as hook:
        settings = installed(tmp_path, hook_url(hook.port))
        clock.advance(30)
        assert fire(settings, clock) == ["sent"]
        (message,) = hook.messages
    assert_whole(message["title"], message["message"])
    assert SECRET not in json.dumps(recent(settings))


def hook_url(port: int) -> SecretStr:
    return SecretStr(f"json://user:{SECRET}@127.0.0.1:{port}/hook")
