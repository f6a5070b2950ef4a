"""A stream that has stopped, seen from each day of its outage, and rows that no mart has: none of it is a good day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from iot_platform.clock import ManualClock
from iot_platform.pipeline.alerting import evaluate, fired_between
from iot_platform.quality.levels import load_levels
from iot_platform.report import page
from iot_platform.report.figures import Figures
from iot_platform.report.gather import gather
from iot_platform.report.period import DAY, Period
from iot_platform.report.verdict import Verdict, judge
from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.marts import Connection
from iot_platform.watch.alerts.signals import Signal
from tests.quality.rows import dead, load, made, reading, warehouse
from tests.report.morning import EVERY, NEXT_MORNING, TODAY, YESTERDAY, healthy, ticks

_HOUR = timedelta(hours=1)
_MARTS = ("stream_flow", "sensor_quality", "null_rates", "quality_trends")


@dataclass(frozen=True)
class Told:
    figures: Figures
    verdict: Verdict


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(instance="inst-1", state_dir=tmp_path, fleet={"enabled": False})


@pytest.fixture
def rows() -> Iterator[Connection]:
    with warehouse() as connection:
        yield connection


def build(rows: Connection, now: datetime = NEXT_MORNING) -> None:
    for mart in _MARTS:
        made(rows, mart, now=now)


def report(rows: Connection, settings: Settings, day: datetime, now: datetime = NEXT_MORNING) -> Told:
    period = Period(day.date(), 1, now)
    figures = gather(rows, settings, period, None, fired_between(settings, period.start, period.until))
    return Told(figures, judge(figures, load_levels(None)))


def hours_of(connection: Connection, start: datetime, hours: float, stream: str = "iot_data") -> None:
    records = [reading(at, f"good-{n}", location="hall") for n in (1, 2, 3) for at in ticks(start, hours)]
    load(connection, records, at=start + hours * _HOUR, stream=stream)


def died_at_four(connection: Connection) -> None:
    load(connection, healthy(YESTERDAY), at=YESTERDAY + DAY)
    hours_of(connection, TODAY, 4)


def test_the_day_on_which_a_stream_died_for_good_is_none_to_be_called_good(
    rows: Connection, settings: Settings
) -> None:
    died_at_four(rows)
    build(rows)
    told = report(rows, settings, TODAY)
    assert (told.verdict.light, told.verdict.word) == ("act", "Act now")
    assert "nothing of iot_data came for 20.3 h" in told.verdict.sentence
    (pause,) = told.figures.pauses
    assert (pause.began_at, pause.open) == (TODAY + 4 * _HOUR - EVERY, True)
    assert pause.seconds == (20 * _HOUR + EVERY).total_seconds()
    assert "still so at the end" in page.html(told.figures, told.verdict, "inst-1")
    assert report(rows, settings, YESTERDAY).verdict.light == "good"


def test_a_day_that_still_runs_counts_up_to_now(rows: Connection, settings: Settings) -> None:
    noon = TODAY + 12 * _HOUR
    died_at_four(rows)
    build(rows, noon)
    told = report(rows, settings, TODAY, now=noon)
    assert told.verdict.light == "act"
    assert "nothing of iot_data came for 8.3 h" in told.verdict.sentence


def test_an_outage_over_midnight_belongs_to_both_of_its_days(rows: Connection, settings: Settings) -> None:
    hours_of(rows, YESTERDAY, 20)
    hours_of(rows, TODAY + 5 * _HOUR, 19)
    build(rows)
    before, after = report(rows, settings, YESTERDAY), report(rows, settings, TODAY)
    assert [told.verdict.light for told in (before, after)] == ["act", "act"]
    assert [(one.seconds, one.open) for one in before.figures.pauses] == [((4 * _HOUR + EVERY).total_seconds(), True)]
    assert [(one.seconds, one.open) for one in after.figures.pauses] == [((5 * _HOUR).total_seconds(), False)]
    assert all(
        one.began_at == YESTERDAY + 20 * _HOUR - EVERY for one in (*before.figures.pauses, *after.figures.pauses)
    )


def test_each_day_of_an_outage_of_three_days_says_so_with_the_newest_record(
    rows: Connection, settings: Settings
) -> None:
    now = TODAY + 3 * DAY + 6 * _HOUR
    load(rows, healthy(YESTERDAY), at=YESTERDAY + DAY)
    hours_of(rows, TODAY + 3 * DAY + 5 * _HOUR, 1)
    build(rows, now)
    for number in range(3):
        told = report(rows, settings, TODAY + number * DAY, now=now)
        assert told.verdict.light == "act", f"day {number + 1}"
        assert told.verdict.sentence == "The data is not good: no record of iot_data came."
        assert "2026-06-30 23:40:00Z" in told.verdict.findings[0].since
    back = report(rows, settings, TODAY + 3 * DAY, now=now)
    assert "nothing of iot_data came for 5 h" in back.verdict.sentence


def test_a_file_that_was_replayed_once_is_not_expected_to_go_on(rows: Connection, settings: Settings) -> None:
    hours_of(rows, TODAY + 9 * _HOUR, 1.5, stream="air_quality")
    build(rows)
    told = report(rows, settings, TODAY)
    assert (told.verdict.light, told.figures.pauses) == ("good", ())
    later = report(rows, settings, TODAY + DAY, now=NEXT_MORNING + DAY)
    assert (later.verdict.word, later.verdict.sentence) == ("No data", "There is no data in this period.")


def test_the_fleet_is_expected_from_its_first_reading_on(rows: Connection, settings: Settings) -> None:
    hours_of(rows, TODAY, 1)
    build(rows)
    assert report(rows, settings, TODAY).verdict.light == "good"
    with_fleet = load_settings(instance="inst-1", state_dir=settings.state_dir)
    assert report(rows, with_fleet, TODAY).verdict.light == "act"


def test_a_stream_that_is_no_longer_configured_is_not_missed(rows: Connection, settings: Settings) -> None:
    died_at_four(rows)
    build(rows)
    without = load_settings(
        instance="inst-1", state_dir=settings.state_dir, fleet={"enabled": False}, streams={"iot_data": None}
    )
    assert report(rows, without, TODAY + DAY, now=NEXT_MORNING + DAY).verdict.light == "good"


def test_a_stream_that_a_person_stopped_is_to_be_looked_at_and_no_alarm(rows: Connection, settings: Settings) -> None:
    died_at_four(rows)
    build(rows)
    clock = ManualClock(TODAY + 4 * _HOUR - EVERY + timedelta(minutes=2))
    text = "A person stopped it."
    stopped = Signal("stream", "stopped_by_person", "producer-iot_data", "info", text, clock.now(), stream="iot_data")
    evaluate(settings, clock, [stopped])
    told = report(rows, settings, TODAY)
    assert told.verdict.light == "look"
    assert "producer-iot_data was stopped by a person" in told.verdict.findings[0].what


def test_records_that_no_mart_has_are_told_with_what_builds_marts_and_the_day_is_not_good(
    rows: Connection, settings: Settings
) -> None:
    load(rows, healthy(TODAY), [dead(TODAY + n * EVERY, "bad") for n in range(50)], at=TODAY + DAY)
    told = report(rows, settings, TODAY)
    assert told.verdict.light == "act"
    assert told.verdict.sentence == "Not all of the data is judged: 266 records of iot_data are not judged yet."
    assert "`iot-platform up`" in told.verdict.findings[0].what_to_do
    assert told.figures.reasons[0].records == 50
    assert report(rows, settings, YESTERDAY).verdict.light == "good"


def test_loads_that_the_marts_have_not_caught_up_with_count_from_ten_minutes_on(
    rows: Connection, settings: Settings
) -> None:
    load(rows, healthy(YESTERDAY), at=YESTERDAY + DAY)
    build(rows, TODAY)
    fresh = [reading(TODAY, "good-1"), reading(TODAY + timedelta(minutes=5), "good-1")]
    load(rows, fresh, [dead(TODAY + timedelta(minutes=4), "good-1")], at=TODAY + _HOUR)
    now = TODAY + timedelta(minutes=9)
    assert not report(rows, settings, TODAY, now=now).figures.unbuilt
    late = report(rows, settings, TODAY, now=TODAY + _HOUR)
    assert [(one.stream, one.records) for one in late.figures.unbuilt] == [("iot_data", 3)]
    assert (late.verdict.light, [one.section for one in late.verdict.findings]) == ("act", ["accounting"])


def test_a_sensor_that_began_today_to_leave_out_a_field_is_not_told_as_long_as_others_did(
    rows: Connection, settings: Settings
) -> None:
    for number in range(5, 0, -1):
        day = TODAY - number * DAY
        load(rows, healthy(day, battery_level=50.0), at=day + DAY)
        bare = [reading(at, "aq-1", battery_level=None, signal_strength=None) for at in ticks(day)]
        load(rows, bare, stream="air_quality", at=day + DAY)
        load(rows, [reading(at, "mended", battery_level=None) for at in ticks(day)], at=day + DAY)
    gaps = [reading(at, "gaps", battery_level=None if at.hour >= 12 else 50.0) for at in ticks(TODAY)]
    mended = [reading(at, "mended", battery_level=50.0) for at in ticks(TODAY)]
    load(rows, [*healthy(TODAY, battery_level=50.0), *gaps, *mended], at=TODAY + DAY)
    build(rows)
    figures = report(rows, settings, TODAY).figures
    assert [one.sensor_id for one in figures.null_sensors] == ["gaps"]
    assert figures.null_since == TODAY.date()
