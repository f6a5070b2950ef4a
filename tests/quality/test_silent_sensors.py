"""Who is silent: judged by its own interval against the stream's progress, never against the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from iot_platform.contract.catalogue import Catalogue
from iot_platform.quality.marts import build
from iot_platform.quality.tables import MARTS
from iot_platform.warehouse.marts import Connection
from tests.quality.fleet_loads import Record
from tests.quality.rows import CATALOGUES, NOON, dead, load, reading, table, warehouse

SECOND = timedelta(seconds=1)


@pytest.fixture
def connection() -> Connection:
    return warehouse()


def reports(
    sensor_id: str, end: datetime = NOON, *, every: float = 10, count: int = 30, partition: int = 0, kind: str = "light"
) -> list[Record]:
    """`count` readings, one each `every` seconds, the last at `end`."""
    unit = {"light": "lx", "temperature": "Cel"}[kind]
    moments = [end - timedelta(seconds=every * back) for back in range(count)]
    return [
        reading(moment, sensor_id, partition=partition, sensor_type=kind, unit=unit, location=f"at {sensor_id}")
        for moment in moments
    ]


def silent(connection: Connection, now: datetime = NOON, catalogues: Mapping[str, Catalogue] = CATALOGUES) -> list[str]:
    for mart in ("stream_flow", "sensor_quality", "silent_sensors"):
        build(connection, MARTS[mart], now=now, catalogues=catalogues)
    return [row["sensor_id"] for row in table(connection, "silent_sensors")]


def others(end: datetime = NOON, **options: object) -> Iterable[Record]:
    """Two sensors that report to the end."""
    return [*reports("b", end, **options), *reports("c", end, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("seconds", "named"), [(20, []), (20.001, ["a"]), (600, ["a"])])
def test_a_sensor_is_silent_after_two_of_its_intervals(
    connection: Connection, seconds: float, named: list[str]
) -> None:
    load(connection, [*reports("a", NOON - timedelta(seconds=seconds)), *others()])
    assert silent(connection) == named


def test_it_is_named_with_its_place_and_what_it_missed_and_named_back_when_it_reports(connection: Connection) -> None:
    load(connection, [*reports("a", NOON - timedelta(seconds=65)), *others()])
    assert silent(connection) == ["a"]
    (row,) = table(connection, "silent_sensors")
    assert (row["location"], row["sensor_type"], row["since"]) == ("at a", "light", NOON - timedelta(seconds=65))
    assert (row["silent_seconds"], row["expected_seconds"], row["missed"]) == (65.0, 10.0, 6)
    load(connection, [reading(NOON, "a", sensor_type="light", unit="lx")])
    assert silent(connection) == []


def test_the_catalogue_interval_is_the_least_that_is_expected(connection: Connection) -> None:
    load(connection, [*reports("a", NOON - 9 * SECOND, every=1), *others()])
    assert silent(connection) == []  # five seconds are expected of a light sensor, however fast this one was


def test_a_sensor_that_sends_only_dead_letters_is_not_silent(connection: Connection) -> None:
    letters = [dead(NOON - 10 * back * SECOND, "a", value=b'{"sensor_type": "light"}') for back in range(30)]
    load(connection, [*reports("a", NOON - timedelta(minutes=10)), *others()], letters)
    assert silent(connection) == []


def test_nobody_is_named_while_the_stream_stands_still(connection: Connection) -> None:
    load(connection, [*reports("a"), *others()])
    for minutes in (1, 60, 24 * 60):
        assert silent(connection, NOON + timedelta(minutes=minutes)) == []


@pytest.mark.parametrize(
    "outage", [timedelta(seconds=40), timedelta(minutes=20), timedelta(hours=3), timedelta(days=2)]
)
def test_after_an_outage_everybody_has_two_intervals_again(connection: Connection, outage: timedelta) -> None:
    back = NOON + outage
    load(connection, [*reports("gone", NOON - timedelta(minutes=2)), *reports("a"), *others()])
    load(connection, [reading(back, "b", sensor_type="light", unit="lx")])
    assert silent(connection, back) == ["gone"]  # a and c have not had their turn yet
    load(connection, reports("b", back + 20 * SECOND, count=2))
    assert silent(connection, back + timedelta(minutes=1)) == ["gone"]
    load(connection, [reading(back + 21 * SECOND, "b", sensor_type="light", unit="lx")])
    assert silent(connection, back + timedelta(minutes=1)) == ["a", "c", "gone"]


def test_a_fast_sensor_among_slow_ones_is_named_though_the_stream_is_quiet_without_it(connection: Connection) -> None:
    slow = [record for name in ("x", "y", "z") for record in reports(name, every=600, count=20)]
    load(connection, [*reports("fast", NOON - timedelta(minutes=4)), *slow])
    assert silent(connection) == ["fast"]


def test_sensors_that_all_report_at_once_leave_no_pauses_behind(connection: Connection) -> None:
    hourly = [record for name in ("x", "y", "z") for record in reports(name, every=3600, count=20)]
    load(connection, [*reports("gone", NOON - timedelta(hours=3), every=3600, count=20), *hourly])
    assert silent(connection) == ["gone"]


@pytest.mark.parametrize(("minutes", "named"), [(14, []), (16, ["x", "y", "z"])])
def test_nobody_is_named_while_a_partition_stands_still_for_a_while(
    connection: Connection, minutes: int, named: list[str]
) -> None:
    behind = [record for name in "xyz" for record in reports(name, NOON - timedelta(minutes=minutes), partition=1)]
    load(connection, [*behind, *reports("a"), *others()])
    assert silent(connection) == named


def test_in_a_partition_of_few_the_stream_is_the_measure(connection: Connection) -> None:
    load(connection, [*reports("x", NOON - timedelta(minutes=1), partition=1), *reports("a"), *others()])
    assert silent(connection) == ["x"]


def test_a_file_that_came_to_its_end_names_nobody(connection: Connection) -> None:
    burst = [
        reading(NOON + timedelta(milliseconds=row), f"{name}", sensor_type="temperature", location="street")
        for row in range(400)
        for name in ("air-1", "air-2")
        if row < 350 or name == "air-2"  # one column of the file ends earlier
    ]
    load(connection, burst, stream="air_quality")
    for days in (0, 1, 3):
        assert silent(connection, NOON + timedelta(days=days)) == []


def test_a_record_from_the_future_neither_names_nor_hides_anybody(connection: Connection) -> None:
    ahead = reading(NOON + timedelta(days=900), "b", sensor_type="light", unit="lx")
    load(connection, [*reports("gone", NOON - timedelta(minutes=3)), *reports("a"), *others(), ahead])
    assert silent(connection) == ["gone"]


@pytest.mark.parametrize(("hours", "named"), [(15, []), (17, ["slow"])])
def test_a_sensor_too_slow_for_two_records_an_hour_goes_by_the_time_between_them(
    connection: Connection, hours: int, named: list[str]
) -> None:
    slow = reports("slow", NOON - timedelta(hours=hours), every=8 * 3600, count=5)
    load(connection, [*slow, *others(every=1800, count=120)])
    assert silent(connection) == named


@pytest.mark.parametrize(("days", "named"), [(6.9, ["a"]), (7.1, [])])
def test_a_sensor_that_was_taken_away_is_named_for_seven_days(
    connection: Connection, days: float, named: list[str]
) -> None:
    load(connection, [*reports("a", NOON - timedelta(days=days)), *others()])
    assert silent(connection) == named


def test_a_sensor_of_a_type_that_no_catalogue_knows_is_not_judged(connection: Connection) -> None:
    letters = [dead(NOON - timedelta(hours=1), "odd", value=b'{"sensor_type": "made_up"}')]
    load(connection, [*reports("a"), *others()], letters)
    assert silent(connection) == []


def given(seconds: float | None) -> dict[str, Catalogue]:
    """The built-in catalogue with another interval for light."""
    catalogue = CATALOGUES["iot_data"]
    light = replace(catalogue.types["light"], interval_seconds=seconds)
    return {"iot_data": replace(catalogue, types={**catalogue.types, "light": light})}


@pytest.mark.parametrize(
    ("seconds", "every", "count", "named"),
    [
        (None, 60, 250, ["a"]),
        (None, 60, 150, []),  # two and a half hours: not known yet
        (None, 600, 40, ["a"]),
        (None, 7_200, 7, ["a"]),
        (None, 7_200, 4, []),
        (3_600.0, 60, 250, ["a"]),  # plainly wrong
        (3_600.0, 60, 150, []),
        (300.0, 60, 250, []),  # not so wrong: three intervals of it have not passed
    ],
)
def test_an_interval_is_learnt_where_none_is_given_or_one_that_is_plainly_too_long(
    connection: Connection, seconds: float | None, every: float, count: int, named: list[str]
) -> None:
    end = NOON - timedelta(seconds=3 * every)
    load(connection, [*reports("a", end, every=every, count=count), *others(every=every, count=count)])
    assert silent(connection, catalogues=given(seconds)) == named
    for row in table(connection, "silent_sensors"):
        assert (row["expected_by"], row["expected_seconds"]) == ("learnt", every)
    load(connection, [reading(NOON, "a", sensor_type="light", unit="lx")])
    assert silent(connection, catalogues=given(seconds)) == []


def test_one_that_sends_in_bursts_is_silent_only_when_a_burst_is_missing(connection: Connection) -> None:
    bursts = [
        record for hour in range(2, 12) for record in reports("a", NOON - timedelta(hours=hour), every=1, count=20)
    ]
    load(connection, [*bursts, *others(every=60, count=700)])
    assert silent(connection, NOON - timedelta(hours=1, minutes=10), given(None)) == []
    assert silent(connection, catalogues=given(None)) == ["a"]


def test_an_interval_that_is_given_says_so(connection: Connection) -> None:
    load(connection, [*reports("a", NOON - 61 * SECOND, every=5), *others(every=5)])
    assert silent(connection) == ["a"]
    assert [(row["expected_by"], row["expected_seconds"]) for row in table(connection, "silent_sensors")] == [
        ("given", 5)
    ]
