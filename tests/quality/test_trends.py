"""Quality by day, and the fields beyond the contract."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iot_platform.quality.hours import HOUR, Hours
from iot_platform.warehouse.marts import Connection
from tests.quality.rows import NOON, STREAM, dead, load, made, made_all, reading, repeats, table, warehouse


@pytest.fixture
def connection() -> Connection:
    return warehouse()


def test_a_day_is_told_by_platform_stream_location_and_sensor(connection: Connection) -> None:
    later = NOON + 2 * HOUR
    load(connection, [reading(NOON, "a", location="hall")] * 3 + [reading(later, "b", location="roof")],
         [dead(later, "a"), dead(later, None)], [repeats(NOON, {"a": 1})])  # fmt: skip
    load(connection, [reading(later, "a", location=None)], stream="air_quality")
    load(connection, [reading(NOON + timedelta(days=1), "a")])
    made_all(connection, later)
    rows = {
        (row["stream"], row["scope"], row["name"]): row
        for row in table(connection, "quality_trends")
        if row["day"] == NOON.date()
    }
    assert {key for key in rows if key[0] == STREAM} == {
        (STREAM, "stream", "(all)"), (STREAM, "location", "hall"), (STREAM, "location", "roof"),
        (STREAM, "location", "(unknown)"),
        (STREAM, "sensor", "a"), (STREAM, "sensor", "b"), (STREAM, "sensor", "(none)"),
    }  # fmt: skip
    a = rows[STREAM, "sensor", "a"]
    assert (a["location"], a["hours"], a["valid"], a["dead"], a["duplicates"]) == ("hall", 2, 3, 1, 1)
    assert a["score"] == pytest.approx(100 * 0.75 * (1 - (1 / 4) / 2), abs=0.05)
    assert rows[STREAM, "location", "hall"]["dead"] == 1, "an hour without a valid reading is of the place of that day"
    stream, platform = rows[STREAM, "stream", "(all)"], rows["(all)", "platform", "(all)"]
    assert (stream["valid"], stream["dead"], stream["sensors"]) == (4, 2, 2)
    assert (platform["valid"], platform["dead"], platform["sensors"], platform["nulls"]) == (5, 2, 3, 1)
    assert platform["share_null"] == 1 / 20


def test_a_day_is_built_again_when_one_of_its_hours_changed_and_only_then(connection: Connection) -> None:
    days = [NOON - timedelta(days=back) for back in (40, 1, 0)]
    load(connection, [reading(day) for day in days])
    made_all(connection)
    assert made(connection, "quality_trends").changed == 0
    load(connection, [reading(days[0] + HOUR)])
    made(connection, "sensor_quality", Hours(days[0] + HOUR, days[0] + 2 * HOUR))  # as a person builds an hour by hand
    assert made(connection, "quality_trends").hours == 24
    assert [row["valid"] for row in table(connection, "quality_trends") if row["scope"] == "stream"] == [2, 1, 1]


def test_fields_beyond_the_contract_are_counted_by_type_and_only_the_most_frequent_are_named(
    connection: Connection,
) -> None:
    odd = {"a.b": 1, "$": 2.5, 'q"': None, "deep": {"x": [1]}, "list": [], "flag": True}
    load(connection, [reading(NOON, "a", **odd), reading(NOON, "b", deep="text"), reading(NOON, "b")])
    made(connection, "extra_fields")
    found = {
        (row["field"], row["json_type"]): (row["readings"], row["sensors"]) for row in table(connection, "extra_fields")
    }
    assert found == dict.fromkeys([
        ("a.b", "number"), ("$", "number"), ('q"', "null"), ("deep", "object"), ("deep", "string"), ("list", "array"),
        ("flag", "boolean"),
    ], (1, 1))  # fmt: skip
    load(
        connection,
        [reading(NOON + HOUR, "a", **{f"f{n:03}": n for n in range(110)}), reading(NOON + HOUR, "a", f109=1)],
    )
    made(connection, "extra_fields")
    names = {row["field"]: row["readings"] for row in table(connection, "extra_fields") if row["hour"] == NOON + HOUR}
    assert (len(names), names["f109"], names["(others)"]) == (101, 2, 10)
