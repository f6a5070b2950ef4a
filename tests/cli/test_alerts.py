"""`alerts silence`, `unsilence`, `silences`, `ack` and `history` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from iot_platform.cli.main import app
from iot_platform.clock import ManualClock, SystemClock
from iot_platform.errors import UsageError
from iot_platform.pipeline.alerting import evaluate
from iot_platform.settings import Settings
from iot_platform.watch.alerts.signals import Signal
from tests.orchestration.here import installed


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    return installed(monkeypatch, tmp_path)


def alerts(*words: str) -> Any:
    return CliRunner().invoke(app, ["alerts", *words], catch_exceptions=False)


def test_a_silence_is_made_shown_and_ended_by_hand(own: Settings) -> None:
    made = alerts("silence", "unaccounted", "--for", "2h", "--because", "we move the rack")
    assert "unaccounted: Silenced until 20" in made.stderr
    clock = SystemClock()
    lost = Signal("check", "unaccounted", "iot_data", "error", "3 readings", clock.now())
    (delivered,) = evaluate(own, clock, [lost]).notices
    assert delivered.outcome == "not_sent"
    assert delivered.detail.endswith(": we move the rack")
    (silence,) = json.loads(alerts("silences", "--json").stdout)["silences"]
    assert (silence["rule"], silence["subject"], silence["because"]) == ("unaccounted", "", "we move the rack")
    assert "Silenced until 20" in alerts("list").stdout
    assert "It is told again." in alerts("unsilence", "unaccounted").stderr
    assert alerts("silences").stdout == "Nothing is silenced.\n"
    (again,) = evaluate(own, clock, [lost]).notices  # nobody was told before
    assert (again.notice.event, again.detail) == ("fired", "No channel is configured: set alerts.channels.")
    (row,) = json.loads(alerts("history", "--json").stdout)["incidents"]
    assert (row["rule"], row["resolved_at"]) == ("unaccounted", None)


def test_a_silence_of_what_there_is_not_or_for_no_time_is_refused(own: Settings) -> None:
    for arguments, told in (
        (("nonsense", "--for", "2h"), "There is no rule 'nonsense'."),
        (("unaccounted", "--for", "soon"), "'soon' is no time."),
        (("unaccounted", "--for", "91d"), "A silence lasts 90 days at most."),
    ):
        with pytest.raises(UsageError, match=told):
            alerts("silence", *arguments, "--because", "x")


def test_a_star_acknowledges_all_that_fires(own: Settings) -> None:
    clock = ManualClock(SystemClock().now())
    fires = [Signal("check", name, "iot_data", "error", "3", clock.now()) for name in ("unaccounted", "duplicates")]
    evaluate(own, clock, fires)
    assert "Noted on 2 alerts" in alerts("ack", "*").stderr
    clock.advance(90_000)
    assert evaluate(own, clock, fires).notices == ()


def test_who_looks_after_an_alert_is_shown_and_it_is_reminded_of_no_more(own: Settings) -> None:
    clock = ManualClock(SystemClock().now())
    lost = Signal("check", "unaccounted", "iot_data", "error", "3 readings", clock.now())
    with pytest.raises(UsageError, match="Nothing of unaccounted fires"):
        alerts("ack", "unaccounted")
    evaluate(own, clock, [lost])
    assert "Noted on 1 alert" in alerts("ack", "unaccounted", "--note", "I restore the spool").stderr
    clock.advance(7_200)
    evaluation = evaluate(own, clock, [lost])
    assert evaluation.notices == ()
    assert "looks after it since" in alerts("list").stdout
    assert evaluation.firing[0].acknowledged.endswith(": I restore the spool")
    for _ in range(2):
        clock.advance(600)
        notices = evaluate(own, clock, []).notices
    assert [one.notice.event for one in notices] == ["resolved"]
    evaluate(own, clock, [lost])
    clock.advance(7_200)
    assert [one.notice.event for one in evaluate(own, clock, [lost]).notices] == ["reminded"]  # another incident
