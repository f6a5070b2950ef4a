"""Reports of odd installations, the archive, the command, and the way to the channels."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from iot_platform.broker.ports import free_port
from iot_platform.clock import ManualClock
from iot_platform.errors import UnavailableError, UsageError
from iot_platform.report.archive import remove_old
from iot_platform.report.make import Report, choose_period, make_report, send_report
from iot_platform.report.period import Period, chosen
from iot_platform.settings import AlertSettings, Settings, load_settings
from tests.report.morning import NEXT_MORNING, TODAY, period, publish
from tests.support.mailbox import Mailbox
from tests.support.processes import command, environment
from tests.support.receiver import Receiver, receiving

CLOCK = ManualClock(NEXT_MORNING)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def test_an_empty_installation_gets_a_report_that_says_so(empty: Settings) -> None:
    for days in (1, 7):
        made = make_report(empty, CLOCK, period(days))
        assert (made.verdict.word, made.verdict.sentence) == ("No data", "There is no data in this period.")
        page = made.html.read_text(encoding="utf-8")
        assert "There is no record in this period, nor in the" in page
        assert "no stream has data" in page
    assert not make_report(empty, CLOCK, period(), stream="iot_data").figures.totals


def test_a_day_without_data_in_a_stream_that_had_some_is_a_finding(morning_settings: Settings, tmp_path: Path) -> None:
    later = NEXT_MORNING + timedelta(days=1)
    the_day_after = Period(date(2026, 7, 2), 1, later)
    made = make_report(morning_settings, ManualClock(later), the_day_after, out=tmp_path / "after.html")
    assert made.verdict.light == "act"
    assert "no record of iot_data came" in made.verdict.sentence
    before = made.figures.totals_before["iot_data"].records
    assert f'no record in this period; <data value="{before}">' in made.html.read_text(encoding="utf-8")
    long_before = Period(date(2026, 5, 1), 1, later)
    made = make_report(morning_settings, ManualClock(later), long_before, out=tmp_path / "before.html")
    assert made.verdict.sentence == "There is no data in this period."
    assert "the first data is of 2026-06-24" in made.html.read_text(encoding="utf-8")


def test_before_the_first_publication_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no reader's copy"):
        make_report(load_settings(state_dir=tmp_path), CLOCK, period())


def test_a_copy_that_an_earlier_version_wrote_is_told_as_such(empty: Settings) -> None:
    with duckdb.connect(str(empty.published_dir / "warehouse.duckdb")) as copy:
        copy.execute("DROP TABLE quality_trends")
    with pytest.raises(UnavailableError, match="was written by an earlier version"):
        make_report(empty, CLOCK, period())


def test_a_stream_that_there_is_not_is_told_with_those_there_are(morning_settings: Settings) -> None:
    with pytest.raises(UsageError, match="There is no stream 'greenhouse'") as caught:
        make_report(morning_settings, CLOCK, period(), stream="greenhouse")
    assert "air_quality, iot_data" in caught.value.next_step


@pytest.mark.parametrize(
    ("day", "week", "name"),
    [
        (None, False, "2026-07-01"),
        (None, True, "week-2026-07-01"),
        ("today", False, "2026-07-02"),
        ("yesterday", False, "2026-07-01"),
        ("2026-06-30", True, "week-2026-06-30"),
    ],
)
def test_a_day_is_named_as_people_name_it(day: str | None, week: bool, name: str) -> None:
    assert chosen(day, week=week, now=NEXT_MORNING).name == name


@pytest.mark.parametrize("day", ["2026-07-03", "2026-02-30", "tomorrow", ""])
def test_what_is_no_day_or_has_not_begun_is_refused(day: str) -> None:
    if day:
        with pytest.raises(UsageError):
            chosen(day, week=False, now=NEXT_MORNING)
    else:
        assert chosen(day, week=False, now=NEXT_MORNING).name == "2026-07-01"


def test_on_its_first_day_an_installation_reports_of_today(morning_settings: Settings, empty: Settings) -> None:
    for settings, now, name in (
        (morning_settings, NEXT_MORNING, "2026-07-01"),
        (morning_settings, TODAY - timedelta(days=6, hours=12), "2026-06-24"),
        (empty, NEXT_MORNING, "2026-07-01"),
    ):
        assert choose_period(settings, None, week=False, now=now).name == name


def test_reports_written_long_ago_go_and_what_else_is_there_stays(empty: Settings) -> None:
    made = make_report(empty, CLOCK, period())
    archive = empty.reports_dir
    assert sorted(path.name for path in archive.iterdir()) == ["2026-07-01.html", "2026-07-01.md"]
    for name, days in {"2026-03-01.html": 91, "2026-03-01.md": 91, "2026-04-05.html": 89, "notes.txt": 900}.items():
        (archive / name).write_text("old")
        written = (NEXT_MORNING - timedelta(days=days)).timestamp()
        os.utime(archive / name, (written, written))
    kept_for_ever = load_settings(state_dir=empty.state_dir, report={"retention_days": None})
    assert remove_old(kept_for_ever, NEXT_MORNING) == 0
    assert remove_old(empty, NEXT_MORNING) == 2
    left = {path.name for path in archive.iterdir()}
    assert left == {"2026-07-01.html", "2026-07-01.md", "2026-04-05.html", "notes.txt"}
    assert make_report(empty, CLOCK, period()).html == made.html


def run(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("report", *arguments), env=environment(settings, **more), capture_output=True, text=True, check=False
    )


def test_the_command_writes_says_where_and_ends_with_a_finding(morning_settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "mine" / "report.html"
    done = run(morning_settings, "--day", "2026-07-01", "--out", str(target))
    assert done.returncode == 1, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("Act now: The data is not good: ")
    assert last == str(target)
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    refused = run(morning_settings, "--day", "2026-13-01")
    assert (refused.returncode, "is no day" in refused.stderr) == (2, True)


def test_the_command_tells_all_as_json_and_sends_it(morning_settings: Settings, receiver: Receiver) -> None:
    channels = json.dumps([receiver.url().get_secret_value()])
    arguments = ("--day", "2026-07-01", "--stream", "air_quality", "--json")
    done = run(morning_settings, *arguments, "--send", IOT_ALERTS__CHANNELS=channels)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"]["light"] == "good"
    assert (document["records"], document["score"], document["streams"]) == (1, 100.0, ["air_quality"])
    assert document["sent"] == {"Channel 1 (json)": {"sent": True, "detail": ""}}
    assert receiver.subjects == ["[Good] data quality, Wednesday, 1 July 2026"]
    assert run(morning_settings, *arguments, "--send").returncode == 2


def test_a_report_does_not_wait_for_the_warehouse(empty: Settings) -> None:
    publish(empty)
    empty.warehouse_path.unlink()
    assert make_report(empty, CLOCK, period()).html.exists()


def test_a_mail_has_the_summary_and_the_whole_page(morning_settings: Settings, made: Report) -> None:
    box = Mailbox(free_port())
    settings = morning_settings.model_copy(update={"alerts": AlertSettings(channels=(box.url,))})
    with box.open():
        assert [outcome.sent for outcome in send_report(settings, made).values()] == [True]
    (mail,) = box.mails
    body = mail.get_body(("plain",))
    assert body is not None
    assert made.verdict.sentence in " ".join(body.get_content().split())
    (page,) = mail.iter_attachments()
    assert (page.get_filename(), page.get_content_type()) == (made.html.name, "text/html")
    assert page.get_payload(decode=True) == made.html.read_bytes()
