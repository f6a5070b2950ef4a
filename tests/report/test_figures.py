"""Each figure of a report, counted again from the rows themselves: no mart, no query of the report's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iot_platform.clock import ManualClock
from iot_platform.report.figures import Figures, Totals
from iot_platform.report.make import make_report
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.marts import Connection, ask_rows
from tests.report.morning import EVERY, HOSTILE_PLACE, LAST_WEEK, MIDNIGHT, NEXT_MORNING, TODAY, YESTERDAY, period

_HOUR = timedelta(hours=1)
_NULLS = (
    "sum((location IS NULL OR location_filled)::INT + (battery_level IS NULL)::INT + (signal_strength IS NULL)::INT "
    "+ coalesce(list_contains(repaired, 'unit'), false)::INT)"
)


@pytest.fixture(scope="module")
def warehouse(morning_settings: Settings) -> Iterator[Connection]:
    with open_warehouse(morning_settings, read_only=True) as connection:
        yield connection


class Count:
    """Questions to the rows of one day."""

    def __init__(self, connection: Connection, day: datetime) -> None:
        self._connection = connection
        self._named = {"start": day, "end": day + timedelta(days=1)}

    def one(self, what: str, table: str, where: str = "true") -> Any:
        return self.rows(f"SELECT {what} AS it", table, where)[0]["it"]

    def rows(self, select: str, table: str, where: str = "true", end: str = "") -> list[dict[str, Any]]:
        at = "first_at" if table == "ledger" else "accepted_at"
        sql = f"{select} FROM {table} WHERE {at} >= $start AND {at} < $end AND {where} {end}"
        return ask_rows(self._connection, sql, self._named)


def score(valid: int, dead: int, nulls: int, duplicates: int) -> float:
    dead_share, null_share = dead / (valid + dead), nulls / (4 * valid) if valid else 0
    return round(100 * (1 - dead_share) * (1 - null_share / 2) * (1 - duplicates / (valid + duplicates) / 2), 1)


def counted(count: Count, stream: str) -> dict[str, Any]:
    mine = f"stream = '{stream}'" if stream else "true"
    sensors = {
        row["sensor_id"]
        for table in ("readings", "dead_letters")
        for row in count.rows("SELECT DISTINCT sensor_id", table, f"{mine} AND sensor_id IS NOT NULL")
    }
    repeats = count.rows("SELECT duplicates_by_sensor::MAP(VARCHAR, BIGINT) AS by", "ledger", mine)
    return {
        "stream": stream,
        "sensors": len(sensors),
        "valid": count.one("count(*)", "readings", mine),
        "repaired": count.one("count(*)", "readings", f"{mine} AND len(repaired) > 0"),
        "dead": count.one("count(*)", "dead_letters", mine),
        "duplicates": sum(n for row in repeats for sensor, n in row["by"].items() if sensor != "*"),
        "nulls": count.one(f"coalesce({_NULLS}, 0)::BIGINT", "readings", mine),
    }


@pytest.mark.parametrize("which", ["totals", "totals_before", "totals_earlier"])
def test_totals_are_those_of_the_rows(warehouse: Connection, figures: Figures, which: str) -> None:
    day = {"totals": TODAY, "totals_before": YESTERDAY, "totals_earlier": LAST_WEEK}[which]
    found: dict[str, Totals] = getattr(figures, which)
    assert set(found) == ({"", "iot_data", "air_quality"} if which == "totals" else {"", "iot_data"})
    for stream, totals in found.items():
        again = counted(Count(warehouse, day), stream)
        assert {name: getattr(totals, name) for name in again} == again
        assert totals.share_dead == again["dead"] / (again["valid"] + again["dead"])
        assert totals.share_null == again["nulls"] / (4 * again["valid"])
        assert totals.share_duplicate == again["duplicates"] / (again["valid"] + again["duplicates"])
        assert totals.score == score(again["valid"], again["dead"], again["nulls"], again["duplicates"])
    assert figures.first_day == LAST_WEEK.date()


def test_days_and_places_add_up(warehouse: Connection, figures: Figures) -> None:
    assert [day.day for day in figures.days] == [LAST_WEEK.date(), YESTERDAY.date(), TODAY.date()]
    for day in figures.days:
        again = counted(Count(warehouse, MIDNIGHT + (day.day - MIDNIGHT.date())), "")
        assert (day.records, day.dead) == (again["valid"] + again["dead"], again["dead"])
        assert day.score == score(again["valid"], again["dead"], again["nulls"], again["duplicates"])
    today, before = Count(warehouse, TODAY), Count(warehouse, YESTERDAY)
    places = today.rows("SELECT DISTINCT stream, location", "readings")
    assert figures.places_total == len(places) + 1, "and the place of a record whose key is no sensor's"
    assert {place.location for place in figures.places} == {"roof", "cellar", "(unknown)"}
    roof = next(place for place in figures.places if place.location == "roof")
    valid = today.one("count(*)", "readings", "location = 'roof'")
    dead = today.one("count(*)", "dead_letters", "sensor_id = 'bad-unit'")
    assert (roof.records, roof.sensors, roof.share_dead) == (valid + dead, 2, dead / (valid + dead))
    valid, dead = before.one("count(*)", "readings", "location = 'roof'"), before.one("count(*)", "dead_letters")
    assert roof.score_before == score(valid, dead, 0, 0)


def test_the_worst_sensors_are_told_with_cause_hours_and_since_when(warehouse: Connection, figures: Figures) -> None:
    assert [one.sensor_id for one in figures.sensors] == ["(none)", "bad-unit", "echo"]
    assert figures.sensors_total == 3
    none, unit, echo = figures.sensors
    today = Count(warehouse, TODAY)
    valid, dead = (today.one("count(*)", table, "sensor_id = 'bad-unit'") for table in ("readings", "dead_letters"))
    assert (unit.valid, unit.dead, unit.share_dead) == (valid, dead, dead / (valid + dead))
    assert unit.score == score(valid, dead, 0, 0)
    assert unit.cause == f"41.7 % of its records are dead: unit {dead}, such as: unit of unit"
    assert unit.since == YESTERDAY.date()
    select = "SELECT time_bucket(INTERVAL 1 HOUR, accepted_at) AS hour, count(*) AS n"
    hourly = today.rows(select, "readings", "sensor_id = 'bad-unit'", "GROUP BY ALL")
    by_hour = {row["hour"]: row["n"] / 3 for row in hourly}
    assert unit.hours == tuple(round(100 * by_hour.get(TODAY + n * _HOUR, 0), 1) for n in range(24))
    assert (none.dead, none.since) == (1, TODAY + 3 * _HOUR)
    assert "not_json 1, range 1" in none.cause
    assert [hour for hour, value in enumerate(none.hours) if value is not None] == [3]
    assert (echo.duplicates, echo.cause) == (24, "25 % of its messages come again")
    assert not figures.movers


def test_reasons_are_counted_once_a_record_with_place_time_and_the_newest_sample(
    warehouse: Connection, figures: Figures
) -> None:
    today, before = Count(warehouse, TODAY), Count(warehouse, YESTERDAY)
    assert {one.code for one in figures.reasons} == {"unit", "not_json", "range"}
    for one in figures.reasons:
        mine = f"list_contains(codes, '{one.code}')"
        assert one.records == today.one("count(*)", "dead_letters", mine)
        assert one.records_before == before.one("count(*)", "dead_letters", mine)
        assert one.share == one.records / figures.totals["iot_data"].records
        assert sum(one.hours) == one.records
        assert one.last_at == today.one("max(accepted_at)", "dead_letters", mine)
    unit = figures.reasons[0]
    assert (unit.code, unit.since, unit.sensors, unit.locations) == ("unit", YESTERDAY.date(), 1, 1)
    assert [(who.sensor_id, who.location, who.records) for who in unit.culprits] == [("bad-unit", "roof", unit.records)]
    assert unit.share_before == unit.records_before / figures.totals_before["iot_data"].records
    assert unit.share_earlier == 0.0
    newest = "ORDER BY accepted_at DESC LIMIT 1"
    (row,) = today.rows("SELECT *", "dead_letters", "list_contains(codes, 'unit')", newest)
    assert unit.sample is not None
    assert unit.sample.source == f"raw_iot_data/{row['source_partition']}/{row['source_offset']}"
    assert unit.sample.payload.encode() == row["value"]
    broken = next(one for one in figures.reasons if one.code == "not_json")
    assert broken.since == TODAY + 3 * _HOUR
    assert broken.sample is not None
    assert broken.sample.payload == "FF00"


def test_nulls_are_of_all_readings_and_not_only_of_hours_that_had_some(warehouse: Connection, figures: Figures) -> None:
    today = Count(warehouse, TODAY)
    nulls = today.one("count(*)", "readings", "battery_level IS NULL")
    rates = {(one.stream, one.location, one.field): one for one in figures.null_rates}
    whole, roof = rates["iot_data", "(all)", "battery_level"], rates["iot_data", "roof", "battery_level"]
    assert (whole.nulls, whole.readings) == (nulls, today.one("count(*)", "readings", "stream = 'iot_data'"))
    assert (roof.nulls, roof.readings) == (nulls, today.one("count(*)", "readings", "location = 'roof'"))
    assert {key[1] for key in rates} == {"(all)", "roof"}
    (gaps,) = figures.null_sensors
    readings = today.one("count(*)", "readings", "sensor_id = 'gaps'")
    assert (gaps.sensor_id, gaps.field, gaps.total) == ("gaps", "battery_level", 1)
    assert (gaps.nulls, gaps.readings, gaps.rate) == (nulls, readings, nulls / readings)
    assert figures.null_since == TODAY.date()


def test_who_is_silent_at_the_end_of_the_day_is_named_and_nobody_else(figures: Figures) -> None:
    (quiet,) = figures.silent
    assert (quiet.sensor_id, quiet.location, figures.silent_total) == ("quiet", HOSTILE_PLACE, 1)
    assert quiet.since == TODAY + 12 * _HOUR - EVERY
    assert quiet.silent_seconds == (12 * _HOUR).total_seconds()
    assert (quiet.expected_seconds, quiet.missed) == (1200.0, 36)


def test_duplicates_lag_audits_and_offsets_are_those_of_the_books(warehouse: Connection, figures: Figures) -> None:
    today = Count(warehouse, TODAY)
    rows = {one.stream: one for one in figures.duplicates}
    valid = today.one("count(*)", "readings", "stream = 'iot_data'")
    assert (rows["iot_data"].duplicates, rows["iot_data"].valid) == (today.one("sum(duplicates)::INT", "ledger"), valid)
    assert rows["iot_data"].rate == 26 / (26 + valid)
    repeating = [(one.sensor_id, one.duplicates, one.total) for one in figures.duplicate_sensors]
    assert repeating == [("echo", 24, 2), ("*", 2, 2)]
    (lag,) = figures.lag
    assert (lag.seconds, lag.worst_at, lag.seconds_at_end) == (1_900.0, TODAY + 2 * _HOUR, 4.0)
    assert (lag.messages, lag.snapshots) == (16, 3)
    (audit,) = figures.audits
    assert (audit.raw, audit.unaccounted, audit.findings, audit.taken_at) == (900, 0, 0, TODAY + 23 * _HOUR)
    for one in figures.offsets:
        table = {"raw": "ledger", "validated": "readings", "dead letters": "dead_letters"}[one.topic]
        first, last = ("first_offset", "last_offset") if table == "ledger" else ("kafka_offset", "kafka_offset")
        mine = f"stream = '{one.stream}' AND partition = {one.partition}"
        assert one.first_offset == today.one(f"min({first})", table, mine)
        assert one.last_offset == today.one(f"max({last})", table, mine)
        counts = "sum(valid + dead + duplicates)::BIGINT" if table == "ledger" else "count(*)"
        assert one.records == today.one(counts, table, mine)
    assert {one.topic for one in figures.offsets} == {"raw", "validated", "dead letters"}


def test_dead_letters_that_were_worked_on_are_counted_by_what_became_of_them(figures: Figures) -> None:
    assert [(one.status, one.dead_letters) for one in figures.redrives] == [("fixed", 2), ("dead again", 1)]


def test_drift_is_what_came_in_a_type_it_did_not_have(figures: Figures) -> None:
    found = {one.field: (one.json_type, one.types_before, one.readings) for one in figures.drift}
    assert found == {"fw": ("string", ["number"], 216), "mode": ("string", [], 216)}


def test_alerts_of_the_period_are_told(figures: Figures) -> None:
    (alert,) = {one.rule: one for one in figures.alerts if one.rule == "behind"}.values()
    assert (alert.subject, alert.fired_at) == ("validator-iot_data", TODAY + timedelta(hours=2, minutes=10))
    assert alert.resolved_at is not None
    assert not figures.pauses


def test_a_week_is_the_sum_of_its_days_and_counts_a_sensor_once(
    morning_settings: Settings, warehouse: Connection
) -> None:
    made = make_report(morning_settings, ManualClock(NEXT_MORNING), period(days=7))
    totals = made.figures.totals["iot_data"]
    days = [counted(Count(warehouse, day), "iot_data") for day in (YESTERDAY, TODAY)]
    assert totals.valid == sum(day["valid"] for day in days)
    assert totals.dead == sum(day["dead"] for day in days)
    assert totals.sensors == 7
    assert made.html.name == "week-2026-07-01.html"
    assert set(made.figures.totals_before) == {"", "iot_data"}, "the week before ends with the day a week ago"


def test_one_stream_is_told_of_alone(morning_settings: Settings) -> None:
    made = make_report(morning_settings, ManualClock(NEXT_MORNING), period(), stream="air_quality")
    assert made.figures.streams == ("air_quality",)
    assert made.figures.totals[""].records == 1
    assert not made.figures.reasons
    assert made.verdict.light == "good"
    assert made.html.name == "2026-07-01-air_quality.html"


def test_a_day_that_still_runs_ends_with_now(morning_settings: Settings, tmp_path: Path) -> None:
    noon = TODAY + 12 * _HOUR + timedelta(minutes=1)
    made = make_report(morning_settings, ManualClock(noon), period(now=noon), out=tmp_path / "page.html")
    assert made.markdown == tmp_path / "page.md"
    assert made.figures.period.running
    assert len(made.figures.sensors[0].hours) == 13
    assert "so far, until 12:01 UTC" in made.html.read_text(encoding="utf-8")
