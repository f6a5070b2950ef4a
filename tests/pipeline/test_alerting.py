"""Alerts from the signal to the channel: kept over crashes, told once, never lost, and never with a secret in them."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from iot_platform import faultpoints
from iot_platform.clock import ManualClock
from iot_platform.errors import AlreadyRunningError, SettingsError, WarehouseBusyError
from iot_platform.faultpoints import InjectedFaultError
from iot_platform.lifecycle import lease
from iot_platform.pipeline.alerting import Evaluation, evaluate, recent
from iot_platform.pipeline.firing import evaluated_at, firing_alerts
from iot_platform.settings import AlertSettings, DagsterSettings, Settings, load_settings
from iot_platform.warehouse import alert_book
from iot_platform.watch.alerts.signals import Signal
from tests.support.receiver import SECRET, Receiver, receiving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFUSED = "did not take the message: its server is there and refused it."


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
    settings = installed(receiver.url())
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
    assert evaluated_at(settings) == clock.now()
    assert firing["text"] == "dead letters of iot_data: 12.4 % in the last hour"
    (row,) = recent(settings)
    assert (row["outcome"], row["detail"]) == ("not_sent", "No channel is configured: set alerts.channels.")


def fire(settings: Settings, clock: ManualClock) -> Evaluation:
    """Two evaluations, the second of which fires."""
    evaluate(settings, clock, [dead_letters(clock)])
    clock.advance(120)
    return evaluate(settings, clock, [dead_letters(clock)])


def test_many_notices_of_an_evaluation_are_one_message_a_channel(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    with receiving() as other:
        settings = installed(receiver.url(), other.url())
        signals = [Signal("check", "unaccounted", f"s{n}", "error", f"{n} readings", clock.now()) for n in range(4)]
        evaluation = evaluate(settings, clock, signals)
        assert [delivered.outcome for delivered in evaluation.notices] == ["sent"] * 4
        for one in (receiver, other):
            (message,) = one.messages
            assert message["title"].startswith("[4 FIRING] readings of s0 unaccounted for, ")
            assert "[FIRING] readings of s3 unaccounted for: 3 readings" in message["message"]


def test_a_notice_waits_for_a_channel_that_is_down_and_is_told_when_it_is_back(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.does = "refuse"
    settings = installed(receiver.url())
    (delivered,) = fire(settings, clock).notices
    assert (delivered.outcome, delivered.retrying) == ("failed", True)
    assert delivered.detail == f"Channel 1 (json) {REFUSED}"
    assert evaluate(settings, clock, [dead_letters(clock)]).notices[0].outcome == "failed"
    receiver.does = "take"
    assert evaluate(settings, clock, [dead_letters(clock)]).notices == ()  # not every time: the wait grows
    clock.advance(30)
    assert evaluate(settings, clock, [dead_letters(clock)]).notices[0].outcome == "sent"
    assert receiver.subjects == ["[FIRING] dead letters of iot_data: 12.4 % in the last hour"]
    clock.advance(3600)
    assert evaluate(settings, clock, [dead_letters(clock)]).notices == ()
    assert recent(settings)[0]["channels"] == [
        {"channel": 1, "scheme": "json", "outcome": "sent", "attempts": 3, "detail": ""}
    ]


@pytest.mark.parametrize("tries", [1, 2, 4])
def test_a_clock_that_was_ahead_and_is_set_right_holds_no_notice_back(
    installed: Installed, clock: ManualClock, receiver: Receiver, tries: int
) -> None:
    receiver.does = "refuse"
    settings = installed(receiver.url())
    clock.advance(3 * 3_600)
    fire(settings, clock)
    for _ in range(tries - 1):
        evaluate(settings, clock, [dead_letters(clock)])
        clock.advance(120)
    receiver.does = "take"
    clock.advance(-3 * 3_600)
    assert [one.outcome for one in evaluate(settings, clock, [dead_letters(clock)]).notices] == ["sent"]


def test_only_the_channel_that_failed_is_tried_again(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    with receiving() as other:
        other.does = "refuse"
        settings = installed(receiver.url(), other.url())
        (first,) = fire(settings, clock).notices
        assert (first.outcome, first.detail) == (
            "failed",
            f"Channel 2 (json) {REFUSED}",
        )
        other.does = "take"
        lost = Signal("check", "unaccounted", "iot_data", "error", "3 readings", clock.now())
        notices = evaluate(settings, clock, [dead_letters(clock), lost]).notices
        assert [delivered.outcome for delivered in notices] == ["sent", "sent"]
        assert receiver.subjects[1:] == ["[FIRING] readings of iot_data unaccounted for: 3 readings"]
        assert other.subjects == ["[2 FIRING] dead letters of iot_data, readings of iot_data unaccounted for"]


def test_after_a_day_a_notice_is_given_up_and_stays_in_the_book_as_failed(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.does = "refuse"
    settings = installed(receiver.url())
    fire(settings, clock)
    clock.advance(86_400)
    (last,) = evaluate(settings, clock, [], {"check"}).notices
    assert (last.outcome, last.retrying) == ("failed", False)
    clock.advance(3600)
    assert evaluate(settings, clock, [], {"check"}).notices == ()
    (row,) = recent(settings)
    assert (row["outcome"], row["channels"][0]["outcome"]) == ("failed", "failed")


def test_a_channel_that_was_taken_out_is_not_waited_for(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.does = "refuse"
    fire(installed(receiver.url()), clock)
    settings = installed()
    (delivered,) = evaluate(settings, clock, [dead_letters(clock)]).notices
    assert (delivered.retrying, delivered.detail) == (False, "Channel 1 (json) is no longer in alerts.channels.")
    assert evaluate(settings, clock, [dead_letters(clock)]).notices == ()


def test_information_is_kept_and_shown_and_never_sent(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    settings = installed(receiver.url())
    stopped = Signal("stream", "stopped_by_person", "validator-iot_data-0", "info", "since 12:00", clock.now())
    (delivered,) = evaluate(settings, clock, [stopped]).notices
    assert (delivered.outcome, delivered.detail) == ("not_sent", "Information is kept and shown, not sent.")
    assert firing_alerts(settings)[0]["text"] == "validator-iot_data-0 was stopped by a person: since 12:00"
    assert receiver.bodies == []


def test_what_was_well_before_it_fired_is_forgotten(installed: Installed, clock: ManualClock) -> None:
    settings = installed()
    for signals in ([dead_letters(clock)], [], [dead_letters(clock)]):
        evaluation = evaluate(settings, clock, signals)
        clock.advance(60)
    assert evaluation.firing == ()


@pytest.mark.parametrize("point", ["alerts.recorded", "alerts.sent"])
def test_a_crash_loses_no_notice_and_fires_nothing_twice(
    installed: Installed, clock: ManualClock, receiver: Receiver, point: str
) -> None:
    settings = installed(receiver.url())
    evaluate(settings, clock, [dead_letters(clock)])
    clock.advance(120)
    faultpoints.arm(f"{point}:raise")
    try:
        with pytest.raises(InjectedFaultError):
            evaluate(settings, clock, [dead_letters(clock)])
    finally:
        faultpoints.arm("")
    clock.advance(30)
    evaluate(settings, clock, [dead_letters(clock)])
    evaluate(settings, clock, [dead_letters(clock)])
    # Between the channel and the book nothing can be known: then it is told twice, and fired once all the same.
    assert len(receiver.messages) == (2 if point == "alerts.sent" else 1)
    assert [row["event"] for row in recent(settings)] == ["fired"]


_KILLED = """
import sys
from datetime import datetime, timedelta
from iot_platform import faultpoints
from iot_platform.clock import ManualClock
from iot_platform.pipeline.alerting import evaluate
from iot_platform.settings import load_settings
from iot_platform.watch.alerts.signals import Signal
faultpoints.arm("alerts.recorded:kill")
clock = ManualClock(datetime.fromisoformat(sys.argv[2]))
signal = Signal("check", "unaccounted", "iot_data", "error", "3 readings", clock.now())
evaluate(load_settings(state_dir=sys.argv[1], alerts={"channels": [sys.argv[3]]}), clock, [signal])
"""


def test_a_killed_evaluation_holds_nobody_up_and_the_next_one_tells_of_it(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    settings = installed(receiver.url())
    arguments = [str(settings.state_dir), NOON.isoformat(), receiver.url().get_secret_value()]
    done = subprocess.run([sys.executable, "-c", _KILLED, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    assert firing_alerts(settings)[0]["text"] == "readings of iot_data unaccounted for: 3 readings"
    assert evaluate(settings, clock, [], {"check"}).notices[0].outcome == "sent"
    assert receiver.subjects == ["[FIRING] readings of iot_data unaccounted for: 3 readings"]


def test_two_evaluations_at_once_are_refused(installed: Installed, clock: ManualClock) -> None:
    settings = installed()
    with (
        lease(settings.lease_dir / "alerts.lock", "An evaluation of alerts"),
        pytest.raises(AlreadyRunningError, match=f"as process {os.getpid()}"),
    ):
        evaluate(settings, clock, [])


_HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def held_by(path: Path) -> subprocess.Popen[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_alerts_work_while_the_warehouse_is_locked(
    installed: Installed, clock: ManualClock, receiver: Receiver
) -> None:
    settings = installed(receiver.url())
    with held_by(settings.warehouse_path) as holder:
        fire(settings, clock)
        holder.kill()
    assert len(receiver.messages) == 1


def test_a_book_that_is_held_is_told_and_nothing_is_lost(
    installed: Installed, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = installed()
    fire(settings, clock)
    monkeypatch.setattr(alert_book, "_BUSY_SECONDS", 0.2)
    with held_by(settings.alert_book_path) as holder:
        with pytest.raises(WarehouseBusyError, match="has been held by another process"):
            evaluate(settings, clock, [])
        assert len(firing_alerts(settings)) == 1  # this needs no book
        holder.kill()
    assert len(evaluate(settings, clock, []).firing) == 1


def test_a_damaged_book_is_set_aside_and_what_is_wrong_fires_again(
    installed: Installed, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    settings = installed()
    fire(settings, clock)
    settings.alert_book_path.write_bytes(b"\x00" * 20_000)
    with caplog.at_level(logging.ERROR):
        assert fire(settings, clock).notices[0].notice.event == "fired"
    assert "is damaged: kept as alerts.duckdb.damaged, and begun anew" in caplog.text
    assert settings.alert_book_path.with_name("alerts.duckdb.damaged").read_bytes() == b"\x00" * 20_000


def test_what_was_over_long_ago_is_removed_and_what_fires_stays(tmp_path: Path, clock: ManualClock) -> None:
    settings = load_settings(
        state_dir=tmp_path, dagster=DagsterSettings(retention_days=1), warehouse={"retention_days": 3}
    )
    stays = Signal("check", "unaccounted", "iot_data", "error", "3 readings", clock.now())
    evaluate(settings, clock, [stays, Signal("check", "duplicates", "iot_data", "error", "2", clock.now())])
    for _ in range(2):
        clock.advance(400)
        evaluate(settings, clock, [stays])
    assert len(recent(settings)) == 3
    clock.advance(86_401)
    assert [one.rule for one in evaluate(settings, clock, [stays]).firing] == ["unaccounted"]
    assert [(row["event"], row["rule"]) for row in recent(settings)] == [("reminded", "unaccounted")]
    assert incidents(settings) == ["duplicates", "unaccounted"], "as long as there are rows of that day to report of"
    clock.advance(2 * 86_400)
    evaluate(settings, clock, [stays])
    assert incidents(settings) == ["unaccounted"]


def incidents(settings: Settings) -> list[str]:
    with duckdb.connect(str(settings.alert_book_path), read_only=True) as book:
        return [rule for (rule,) in book.execute("SELECT rule FROM incidents ORDER BY rule").fetchall()]


def test_where_rows_are_kept_for_ever_so_are_incidents(tmp_path: Path, clock: ManualClock) -> None:
    settings = load_settings(state_dir=tmp_path, warehouse={"retention_days": None})
    evaluate(settings, clock, [Signal("check", "duplicates", "iot_data", "error", "2", clock.now())])
    for seconds in (400, 400, 2_000 * 86_400):
        clock.advance(seconds)
        evaluate(settings, clock, [])
    assert incidents(settings) == ["duplicates"]
    assert recent(settings) == []


def test_the_book_does_not_grow_with_evaluations(installed: Installed, clock: ManualClock) -> None:
    settings = installed()

    def evaluations(count: int) -> int:
        for n in range(count):
            clock.advance(30)
            evaluate(settings, clock, [dead_letters(clock, f"{n} %")])
        return settings.alert_book_path.stat().st_size

    early = evaluations(20)
    assert evaluations(100) <= early + 262_144  # a block of DuckDB's


def test_an_evaluation_in_which_nothing_happens_takes_little_and_writes_nothing(
    installed: Installed, clock: ManualClock
) -> None:
    settings = installed()
    evaluate(settings, clock, [])
    before = settings.alert_book_path.stat().st_mtime_ns
    start = time.monotonic()
    for _ in range(10):
        evaluate(settings, clock, [])
    assert time.monotonic() - start < 5
    assert settings.alert_book_path.stat().st_mtime_ns == before


def test_malformed_rules_are_told_before_anything_is_touched(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "rules.toml").write_text("rules = 3")
    settings = load_settings(state_dir=tmp_path / "state", alerts=AlertSettings(rules=tmp_path / "rules.toml"))
    with pytest.raises(SettingsError, match=r"rules\.toml do not hold"):
        evaluate(settings, clock, [])
    assert not (tmp_path / "state").exists()


def test_no_secret_of_a_channel_is_kept_or_shown_anywhere(
    installed: Installed, clock: ManualClock, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.does = "refuse"
    settings = installed(receiver.url(), SecretStr(f"nosuch://{SECRET}"))
    evaluation = fire(settings, clock)
    kept = b"".join(path.read_bytes() for path in settings.state_dir.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    shown = repr(evaluation) + repr(recent(settings)) + repr(firing_alerts(settings)) + repr(settings)
    assert SECRET not in shown + "".join(capfd.readouterr())


def test_nothing_fires_and_nothing_was_told_before_the_first_evaluation(installed: Installed) -> None:
    settings = installed()
    assert (firing_alerts(settings), recent(settings), evaluated_at(settings)) == ([], [], None)
    assert not settings.state_dir.joinpath("alerts").exists()


def test_a_book_of_an_older_version_goes_on_where_it_was(installed: Installed, clock: ManualClock) -> None:
    settings = installed()
    settings.alert_book_path.parent.mkdir(parents=True)
    first = "0001_alert_book.sql"
    with duckdb.connect(str(settings.alert_book_path)) as book:
        book.execute("CREATE TABLE scripts (name VARCHAR NOT NULL)")
        book.execute("INSERT INTO scripts VALUES (?)", [first])
        book.execute((alert_book.SQL_DIRECTORY / "alert_book" / first).read_text())
        book.execute(
            "INSERT INTO incidents VALUES ('unaccounted', 'iot_data', 'error', 't', 'w', '3', 'check', 'unaccounted', "
            "'iot_data', ?, ?, ?, 0, NULL, NULL)",
            [NOON, NOON, NOON],
        )
    (firing,) = evaluate(settings, clock, [], {"check"}).firing
    assert (firing.rule, firing.fired_at, firing.also, firing.untold) == ("unaccounted", NOON, (), False)
