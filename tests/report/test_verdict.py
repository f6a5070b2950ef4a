"""The verdict: a table of days, and what is said of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from iot_platform.quality.levels import load_levels
from iot_platform.report.causes import cause_of
from iot_platform.report.figures import (
    Alert,
    Audit,
    Drift,
    Figures,
    Lag,
    NullSensor,
    Odd,
    Pause,
    Silent,
    Totals,
    Unbuilt,
)
from iot_platform.report.finding import since_text
from iot_platform.report.make import Report, message_of
from iot_platform.report.period import Period
from iot_platform.report.since import begun, day_run, points
from iot_platform.report.verdict import Verdict, judge
from tests.report.morning import NEXT_MORNING, TODAY, period

LEVELS = load_levels(None)
_MADE: dict[str, Any] = dict.fromkeys(Figures.__dataclass_fields__, ())


def totals(stream: str, dead: int = 0, score: float = 100.0) -> Totals:
    return Totals(stream, 10, 1_000 - dead, 0, dead, 0, 0, dead / 1_000, 0.0, 0.0, score)


def a_day(**changes: Any) -> Figures:
    """A good one, with changes."""
    whole = {"": totals(""), "s": totals("s")}
    good = Figures(**{
        **_MADE, "period": period(), "streams": ("s",), "first_day": date(2026, 6, 1), "totals": whole,
        "totals_before": whole, "totals_earlier": {}, "places_total": 0, "sensors_total": 0, "silent_total": 0,
        "odd_total": 0, "null_since": None,
    })  # fmt: skip
    return replace(good, **changes)


def verdict(**changes: Any) -> Verdict:
    return judge(a_day(**changes), LEVELS)


def dead(count: int) -> dict[str, Any]:
    return {"totals": {"": totals("", count), "s": totals("s", count)}}


def audit(unaccounted: int, findings: int = 0) -> dict[str, Any]:
    return {"audits": (Audit("s", TODAY, 9, 9, 0, 0, 0, 0, 9, 0, unaccounted, findings, "A hole."),)}


def silent(count: int) -> dict[str, Any]:
    one = Silent("s", "a", "light", None, TODAY, 90.0, 5.0, 18, "given", 500)
    return {"silent": (one,) * min(count, 20), "silent_total": count}


def odd(count: int) -> dict[str, Any]:
    rows = tuple(Odd("s", f"o{n}", "light", "hall", "stuck", 3, TODAY, 2.5, "9 in a row are 4") for n in range(count))
    return {"odd": rows[:20], "odd_total": count}


def lag(seconds: float, at_end: float) -> dict[str, Any]:
    return {"lag": (Lag("loader-s", seconds, TODAY, 5, at_end, 9),)}


def paused(seconds: float, whole: float = 0.0, *, is_open: bool = False) -> dict[str, Any]:
    return {"pauses": (Pause("s", TODAY, seconds, whole or seconds, is_open),)}


def alert(level: str, resolved: datetime | None = None) -> dict[str, Any]:
    one = Alert("r", "s", level, "dead letters of s", "9 %", "Look.", TODAY + timedelta(hours=2), resolved, 0, "r", "s")
    return {"alerts": (one,)}


@pytest.mark.parametrize(
    ("changes", "light", "said"),
    [
        ({}, "good", "The data is good: 1,000 records of 10 sensors, score 100."),
        (dead(9), "good", "The data is good"),
        (dead(10), "look", "1 % of the records of s are dead"),
        (dead(100), "act", "The data is not good: 10 % of the records of s are dead."),
        (audit(0), "good", ""),
        (audit(3), "act", "3 records of s cannot be accounted for"),
        (audit(-1, 1), "act", "1 record of s cannot be accounted for"),
        (audit(0, 1), "act", "0 records of s cannot be accounted for"),
        (silent(1), "look", "1 sensor is silent"),
        (silent(10), "act", "10 sensors are silent"),
        (odd(1), "look", "1 sensor behaves oddly"),
        (odd(30), "act", "30 sensors behave oddly"),
        ({"totals": {}, **paused(86_400, 90_000, is_open=True)}, "act", "no record of s came"),
        ({"totals": {}, **paused(200, 2_000, is_open=True)}, "act", "no record of s came"),
        ({"totals": {}}, "good", "There is no data in this period."),
        (lag(100, 0), "good", ""),
        (lag(5_000, 1), "look", "loader-s was up to 83 min behind"),
        (lag(5_000, 5_000), "act", "loader-s was up to 83 min behind"),
        (paused(400), "look", "nothing of s came for 7 min"),
        (paused(4_000), "act", "nothing of s came for 67 min"),
        ({"totals": {"": totals("", score=95.1), "s": totals("s")}}, "good", ""),
        ({"totals": {"": totals("", score=95.0), "s": totals("s")}}, "look", "the score fell from 100 to 95"),
        (
            {"null_sensors": (NullSensor("s", "a", "hall", "unit", 5, 10, 0.49, 3),)},
            "look",
            "3 sensors leave out fields",
        ),
        ({"null_sensors": (NullSensor("s", "a", "hall", "unit", 5, 10, 0.5, 1),)}, "act", "1 sensor leaves out fields"),
        (alert("error"), "look", "1 alert of level error fires"),
        (alert("error", TODAY + timedelta(hours=25)), "look", "1 alert of level error fires"),
        (alert("error", TODAY + timedelta(hours=3)), "good", ""),
        (alert("warn"), "good", ""),
        ({"totals": {}, **alert("error")}, "look", "1 alert of level error fires"),
        (
            {"unbuilt": (Unbuilt("s", 5, TODAY.date()),), **paused(9_000)},
            "act",
            "Not all of the data is judged: 5 records",
        ),
        ({"drift": (Drift("s", "fw", "string", TODAY, 5, 1, [], 1),)}, "good", ""),
        ({"drift": (Drift("s", "fw", "string", TODAY, 5, 1, ["number"], 1),)}, "look", "1 field beyond the contract"),
    ],
)
def test_a_day_gets_its_light_and_its_sentence(changes: dict[str, Any], light: str, said: str) -> None:
    found = verdict(**changes)
    assert found.light == light
    assert said in found.sentence
    assert all(finding.what and finding.what_to_do and finding.section for finding in found.findings)


def test_the_worst_comes_first_and_the_sentence_names_three_and_counts_the_rest() -> None:
    found = verdict(**dead(20), **silent(12), **lag(5_000, 0), **paused(400), **audit(1))
    assert [finding.light for finding in found.findings] == ["act", "act", "look", "look", "look"]
    assert found.sentence.endswith("; and 2 more.")
    assert found.sentence.count(";") == 3


@pytest.mark.parametrize(("name", "noted"), [("trouble-silent-01", True), ("kitchen", False)])
def test_the_simulated_fleets_own_troublemakers_are_told_as_such(name: str, noted: bool) -> None:
    one = Silent("s", name, "light", "hall", TODAY, 90.0, 5.0, 18, "given", 500)
    assert ("troublemakers" in verdict(silent=(one,), silent_total=1).note) is noted


def test_the_message_has_verdict_findings_what_to_do_and_where_the_page_is(made: Report) -> None:
    message = message_of(made, "inst-1")
    assert message.subject == f"[{made.verdict.word}] data quality, Wednesday, 1 July 2026"
    assert all(one.what in message.body and one.what_to_do in message.body for one in made.verdict.findings)
    assert str(made.html) in message.body


def days(*numbers: int) -> set[date]:
    return {date(2026, 6, 1) + timedelta(days=number) for number in numbers}


@pytest.mark.parametrize(
    ("bad", "begins"),
    [((), None), ((29,), None), ((30,), 30), ((28, 30), 30), ((28, 29, 30), 28), ((28, 29, 30, 31), 28), ((31,), None)],
)
def test_a_run_of_days_is_one_that_reaches_the_period(bad: tuple[int, ...], begins: int | None) -> None:
    assert day_run(days(*bad), period()) == (None if begins is None else next(iter(days(begins))))


def test_what_began_in_the_period_has_its_moment_and_what_began_before_its_day() -> None:
    at = TODAY + timedelta(hours=3)
    assert begun(days(30), [at], period()) == at
    assert begun(days(29, 30), [at], period()) == date(2026, 6, 30)
    assert begun(days(29), [TODAY - timedelta(hours=1)], period()) is None
    assert since_text(at, period()) == "since 2026-07-01 03:00 UTC"
    assert since_text(date(2026, 6, 30), period()) == "since 2026-06-30"
    assert since_text(date(2026, 6, 17), period()) == "since 2026-06-17 or longer"


@pytest.mark.parametrize(("minutes", "count"), [(0, 0), (1, 1), (60, 1), (61, 2), (5_000, 24)])
def test_a_course_has_a_point_for_each_hour_that_has_begun(minutes: int, count: int) -> None:
    now = TODAY + timedelta(minutes=minutes)
    assert len(points({TODAY: 1.0}, period(now=now))) == count


def test_a_period_knows_what_it_is_compared_with() -> None:
    day, week = period(), period(days=7)
    assert (str(day.before.first_day), str(day.earlier.first_day)) == ("2026-06-30", "2026-06-24")
    assert (str(week.first_day), str(week.before.last_day), str(week.earlier.first_day)) == (
        "2026-06-25", "2026-06-24", "2026-05-28"
    )  # fmt: skip
    assert week.title == "25 June 2026 to 1 July 2026"
    assert Period(TODAY.date(), 1, datetime(2026, 7, 1, 9, tzinfo=UTC)).running
    assert not period(now=NEXT_MORNING).running


def test_a_cause_is_told_by_what_costs_most(made: Report) -> None:
    sensor = replace(made.figures.sensors[1], dead=5, share_dead=0.01, share_null=0.4, share_duplicate=0.1)
    reasons = [{"code": code, "records": 2, "example": "e" * 200} for code in ("a", "b", "c", "d")]
    nulls = [
        {"field": "unit", "rate": 0.8},
        {"field": "location", "rate": 0.8},
        {"field": "battery_level", "rate": 0.2},
    ]
    assert cause_of(sensor, reasons, nulls) == (
        "leaves out unit, location in 80 %; battery_level in 20 %; 10 % of its messages come again; "
        f"1 % of its records are dead: a 2, b 2, c 2 and 1 more, such as: {'e' * 119}…"
    )


def test_what_is_odd_about_a_low_sensor_is_the_last_of_its_causes(figures: Figures) -> None:
    odd = [{"rule": "clock_skew", "evidence": "its clock is 90 s behind"}]
    assert cause_of(figures.sensors[0], [], [], odd).endswith("wrong clock: its clock is 90 s behind")
