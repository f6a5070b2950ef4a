"""The drill of a morning: how it reads a report, and, as a user would run it, the whole of it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from iot_platform.drills.morning import CAUSES
from iot_platform.drills.telling import Told, named_rightly, told_of
from iot_platform.report import facts
from iot_platform.stream.sources.troubles import TROUBLES
from tests.support.drills import held_outcome

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def figures(**lists: list[Any]) -> Any:
    """A report with these lists, and nothing in the others."""
    empty = dict.fromkeys(("reasons", "odd", "null_sensors", "duplicate_sensors", "silent", "sensors"), ())
    return SimpleNamespace(**{**empty, **lists})


def test_every_list_of_the_report_names_its_sensors_with_a_cause() -> None:
    culprit = facts.Culprit("s", "unit", "a", 12, "hall")
    told = told_of(
        figures(
            reasons=[facts.Reason("s", "unit", 12, 0, 0, 1, 1, NOON, NOON, culprits=(culprit,))],
            odd=[facts.Odd("s", "b", "light", None, "stuck", 2, NOON, 3.0, "99 readings in a row are 5")],
            null_sensors=[facts.NullSensor("s", "a", "hall", "unit", 4, 10, 0.4, 1)],
            duplicate_sensors=[facts.DuplicateSensor("s", "c", 7, 20, 0.3, 1)],
            silent=[facts.Silent("s", "d", "light", None, NOON, 60.0, 5.0, 12, "given", 100)],
            sensors=[
                facts.Sensor("s", "e", "light", None, 1, 0, 0, 0.0, 0.5, 0.0, 75.0, None, cause="leaves out fields")
            ],
        ),
        "s",
    )
    assert {sensor: set(one.causes) for sensor, one in told.items()} == {
        "a": {"unit", "null"}, "b": {"stuck"}, "c": {"repeats"}, "d": {"silent"}, "e": {"low"},
    }  # fmt: skip
    assert told["d"].lines == ("silent for 60 s, expected each 5 s",)
    assert told["e"].lines == ("scores 75: leaves out fields",)


def test_another_stream_is_not_this_ones_trouble() -> None:
    odd = facts.Odd("other", "b", "light", None, "stuck", 2, NOON, 3.0, "99 readings in a row are 5")
    assert told_of(figures(odd=[odd]), "s") == {}


@pytest.mark.parametrize(
    ("causes", "rightly"),
    [({"unit"}, True), ({"unit", "type"}, True), ({"unit", "stuck"}, False), ({"stuck"}, False), (set(), False)],
)
def test_named_rightly_is_named_with_one_of_its_causes_and_with_no_other(causes: set[str], rightly: bool) -> None:
    told = {"a": Told(frozenset(causes), ())} if causes else {}
    assert named_rightly(told, {"a": frozenset({"unit", "type"})}) == (["a"] if rightly else [])


def test_the_drill_knows_a_cause_of_every_trouble_that_the_fleet_makes() -> None:
    assert set(CAUSES) == {f"trouble-{name}-01" for name, _ in TROUBLES}


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_each_troublemaker_is_named_what_can_be_is_mended_and_a_real_device_is_told_rightly() -> None:
    outcome = held_outcome("morning", timeout_seconds=1_750)
    assert len(outcome["claims"]) == 10
