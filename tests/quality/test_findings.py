"""Rules over many readings: what was planted is named with its cause, and nobody else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from iot_platform.contract.catalogue import load_catalogue
from iot_platform.quality.hours import HOUR, Hours
from iot_platform.warehouse.marts import Connection
from tests.quality.rows import NOON, made, table, warehouse
from tests.quality.series import Floats, Series, add, findings

COUNT = 350


@pytest.fixture
def connection() -> Connection:
    return warehouse()


def noisy(seed: int, level: float = 20.0, noise: float = 0.3, count: int = COUNT) -> Floats:
    return np.round(level + noise * np.random.default_rng(seed).standard_normal(count), 2)


def temperature(values: Floats, start: datetime = NOON, **changes: object) -> Series:
    return replace(Series("temperature", values, start), **changes)  # type: ignore[arg-type]


def healthy(seed: int, start: datetime = NOON) -> dict[str, Series]:
    """Sensors of different natures, none of them odd: level, rising, in half degrees, elsewhere, moved by an hour."""
    chance = np.random.default_rng(seed)
    rising = np.linspace(0, chance.uniform(-6, 6), COUNT)
    return {
        "level": temperature(noisy(seed), start),
        "rising": temperature(noisy(seed + 1) + rising, start),
        "halves": temperature(np.round(2 * (20 + rising / 3)) / 2, start),
        "cold": temperature(noisy(seed + 2, level=chance.uniform(-10, 5)), start, location="freezer"),
        "still": temperature(noisy(seed + 3, noise=0.05), start),
        "late": temperature(noisy(seed + 4), start, delay=chance.uniform(0, 600, COUNT)),
    }


def planted(seed: int, start: datetime = NOON) -> dict[str, tuple[str, Series]]:
    """For each rule a sensor with that fault, from somewhere in the hour on."""
    chance = np.random.default_rng(seed)
    at = int(chance.integers(60, 120))
    stuck, flip, spike, step = (noisy(seed + number) for number in range(10, 14))
    stuck[at:] = stuck[at]
    flip[at:] = np.round(32 + 1.8 * flip[at:], 2)
    spike[at] += chance.choice([-1, 1]) * chance.uniform(12, 18)
    step[at:] += chance.choice([-1, 1]) * 28
    ramp = noisy(seed + 14, level=0)
    ramp[at : at + 200] += np.linspace(0, chance.uniform(24, 36), 200)
    ramp[at + 200 :] = ramp[at + 199]
    ramp[at + 200 :] += noisy(seed + 15, 0, 0.3, COUNT - at - 200)
    return {
        "p-stuck": ("stuck", temperature(stuck, start)),
        "p-flip": ("unit_flip", temperature(flip, start)),
        "p-spike": ("spike", temperature(spike, start)),
        "p-step": ("rate", temperature(step, start)),
        "p-drift": ("drift", temperature(ramp, start)),
        "p-behind": ("clock_skew", temperature(noisy(seed + 16), start, delay=float(chance.uniform(70, 7_000)))),
        "p-ahead": ("clock_skew", temperature(noisy(seed + 17), start, delay=-float(chance.uniform(70, 290)))),
    }


# A seed has no smaller form: shrinking would take minutes and tell nothing.
@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 1_000_000))
def test_each_planted_fault_is_named_with_its_cause_and_no_healthy_sensor_is(seed: int) -> None:
    connection, faults = warehouse(), planted(seed)
    add(connection, healthy(seed) | {name: one for name, (_, one) in faults.items()})
    assert findings(connection, NOON + HOUR) == {name: {rule} for name, (rule, _) in faults.items()}


def test_a_finding_says_what_when_and_why_and_its_readings_are_flagged_once(connection: Connection) -> None:
    values = noisy(1, count=2 * COUNT)
    values[100:] = 20.25
    spiky = noisy(2, count=2 * COUNT)
    spiky[[50, 200]] = 45.0, -10.0
    add(connection, {"s": temperature(values), "p": temperature(spiky)})
    findings(connection, NOON + 2 * HOUR)
    first, second = [row for row in table(connection, "sensor_findings") if row["sensor_id"] == "s"]
    assert (first["rule"], first["field"], first["location"]) == ("stuck", "value", "hall")
    assert (second["hour"], second["value"], second["readings"]) == (NOON + HOUR, 20.25, 600)
    assert second["from_at"] == NOON + timedelta(seconds=999.5)
    assert "600 readings in a row are 20.25; before that the longest run was" in second["evidence"]
    (spike,) = [row for row in table(connection, "sensor_findings") if row["sensor_id"] == "p"]
    assert (spike["rule"], spike["readings"], spike["value"]) == ("spike", 2, -10.0)
    assert spike["expected"] == pytest.approx(20, abs=0.5)
    flagged = table(connection, "flagged_readings")
    assert len([row for row in flagged if row["sensor_id"] == "s"]) == 600
    assert sorted(row["value"] for row in flagged if row["sensor_id"] == "p") == [-10.0, 45.0]


def test_a_sensor_that_is_stuck_for_days_stays_named_with_when_it_began(connection: Connection) -> None:
    start = NOON - 30 * HOUR
    values = noisy(1, count=31 * 36)
    values[40:] = 21.0
    add(connection, {"s": temperature(values, start, every=100.0)})
    made(connection, "sensor_values", now=NOON + HOUR)
    made(connection, "sensor_findings", Hours(NOON, NOON + HOUR), NOON + HOUR)
    (newest,) = table(connection, "sensor_findings")
    assert (newest["rule"], newest["readings"]) == ("stuck", 29 * 36), "whole hours, where the run is longer than a day"
    assert newest["from_at"] == NOON - 28 * HOUR - timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("changes", "others"),
    [
        ({}, {}),  # alone from its birth on: a constant
        ({}, {"x": 5.0, "y": 6.0}),  # so are the others
        ({"sensor_type": "light", "value": 0.0}, {}),  # the night
    ],
)
def test_a_constant_is_not_stuck(connection: Connection, changes: dict[str, object], others: dict[str, float]) -> None:
    kind = str(changes.get("sensor_type", "temperature"))
    value = float(changes.get("value", 20.0))  # type: ignore[arg-type]
    sensors = {"s": Series(kind, [value] * COUNT, NOON)}
    sensors |= {name: Series(kind, [level] * COUNT, NOON) for name, level in others.items()}
    if kind == "light":
        sensors |= {name: Series(kind, noisy(seed, 90, 9), NOON) for seed, name in enumerate("ab")}
    add(connection, sensors)
    assert findings(connection, NOON + HOUR) == {}


def test_a_sensor_that_stays_at_one_value_for_long_by_nature_is_not_stuck(connection: Connection) -> None:
    steps = np.repeat([20.0, 20.5, 20.0, 19.5, 20.0, 20.5, 21.0, 20.5], 150)
    others = {name: temperature(noisy(seed, count=1_200), NOON - 2 * HOUR) for seed, name in enumerate("abc")}
    add(connection, {"s": temperature(steps, NOON - 2 * HOUR), **others})
    assert findings(connection, NOON + 2 * HOUR) == {}


def test_what_all_sensors_of_a_type_do_is_the_weather_and_late_ways_are_no_clocks(connection: Connection) -> None:
    storm = np.linspace(0, 20, COUNT)
    add(connection, {
        name: temperature(noisy(seed) + storm, delay=120.0) for seed, name in enumerate("abcd")
    })  # fmt: skip
    assert findings(connection, NOON + HOUR) == {}


def test_a_slow_shift_over_days_is_drift_and_that_of_all_is_the_season(connection: Connection) -> None:
    start, hours = NOON - 191 * HOUR, np.arange(192 * 4) / 4
    day = 3 * np.sin(2 * np.pi * hours / 24)
    shift = np.clip((hours - 100) / 60, 0, 1) * 20
    sensors = {
        name: temperature(noisy(seed, count=len(hours)) + day, start, every=900.0)
        for seed, name in enumerate(("a", "b", "c", "drifts"))
    }
    sensors["drifts"] = replace(sensors["drifts"], values=np.asarray(sensors["drifts"].values) + shift)
    add(connection, sensors)
    made(connection, "sensor_values", now=NOON + HOUR)
    made(connection, "sensor_findings", Hours(NOON, NOON + HOUR), NOON + HOUR)
    assert [(row["sensor_id"], row["rule"]) for row in table(connection, "sensor_findings")] == [("drifts", "drift")]
    season = warehouse()
    add(season, {name: replace(sensors["drifts"], values=noisy(seed, count=len(hours)) + day + shift)
                 for seed, name in enumerate("abcd")})  # fmt: skip
    made(season, "sensor_values", now=NOON + HOUR)
    made(season, "sensor_findings", Hours(NOON, NOON + HOUR), NOON + HOUR)
    assert table(season, "sensor_findings") == []


def test_late_readings_judge_the_hours_that_look_back_on_them_again(connection: Connection) -> None:
    at_once, by_parts = warehouse(), warehouse()
    early = {"s": temperature(noisy(3), NOON - 2 * HOUR)}
    stuck = {"s": temperature(np.full(COUNT, 20.0))}
    add(at_once, early)
    add(at_once, stuck)
    add(by_parts, stuck)
    assert findings(by_parts, NOON + HOUR) == {}, "a constant, for all that is known"
    add(by_parts, early)
    assert findings(by_parts, NOON + HOUR) == findings(at_once, NOON + HOUR) == {"s": {"stuck"}}
    assert table(by_parts, "sensor_findings") == table(at_once, "sensor_findings")


def test_a_type_without_thresholds_is_not_judged(connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[types.temperature]\nunit = "Cel"\nminimum = -40\nmaximum = 85\ninterval_seconds = 5\n')
    add(connection, {name: one for name, (_, one) in planted(5).items()})
    assert findings(connection, NOON + HOUR, {"iot_data": load_catalogue(str(file))}) == {}
