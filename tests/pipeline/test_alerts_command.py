"""`iot-platform alerts`: what fires and who was told, and whether the channels work."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iot_platform.clock import SystemClock
from iot_platform.pipeline.alerting import evaluate
from iot_platform.settings import Settings, load_settings
from iot_platform.watch.alerts.signals import Signal
from tests.support.processes import command, environment
from tests.support.receiver import SECRET, Receiver, receiving


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return load_settings(instance="inst-1", state_dir=tmp_path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def alerts(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("alerts", *arguments), env=environment(settings, **more), capture_output=True, text=True, check=False
    )


def test_list_says_what_fires_and_what_became_of_the_notice(own: Settings) -> None:
    assert alerts(own, "list").stdout.startswith("Alerts were never evaluated here")
    clock = SystemClock()
    evaluate(own, clock, [])
    assert alerts(own, "list").stdout.startswith("Nothing fires, as of 20")
    lost = Signal("check", "unaccounted", "iot_data", "error", "3 readings", clock.now())
    evaluate(own, clock, [lost])
    document = json.loads(alerts(own, "list", "--json").stdout)
    assert document["evaluated_at"] >= lost.at.isoformat()
    assert [one["text"] for one in document["firing"]] == ["readings of iot_data unaccounted for: 3 readings"]
    assert [one["outcome"] for one in document["notices"]] == ["not_sent"]
    shown = alerts(own, "list").stdout
    assert "error: readings of iot_data unaccounted for: 3 readings" in shown
    assert "`iot-platform audit` names the step and the offsets." in shown


def test_test_sends_one_to_each_channel_and_tells_which_did_not_take_it(own: Settings, receiver: Receiver) -> None:
    channels = json.dumps([receiver.url().get_secret_value(), f"nosuch://{SECRET}"])
    done = alerts(own, "test", IOT_ALERTS__CHANNELS=channels)
    assert done.returncode == 1
    assert "Channel 1 (json) took it." in done.stderr
    assert "Channel 2 (nosuch) has no URL that Apprise knows: mend alerts.channels." in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert receiver.subjects == ["[TEST] alerts of installation inst-1"]
    as_json = alerts(own, "test", "--json", IOT_ALERTS__CHANNELS=json.dumps([receiver.url().get_secret_value()]))
    assert as_json.returncode == 0
    assert json.loads(as_json.stdout) == {"channels": [{"channel": 1, "scheme": "json", "sent": True, "detail": ""}]}


def test_test_without_a_channel_says_which_setting_is_missing(own: Settings) -> None:
    done = alerts(own, "test")
    assert done.returncode == 2
    assert "No channel is configured." in done.stderr
    assert "Set alerts.channels" in done.stderr
