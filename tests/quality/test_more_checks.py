"""Checks of several sensors together and of single records; and what a check says of each stream by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iot_platform.contract.reasons import Code
from iot_platform.quality.checks import evaluate
from iot_platform.quality.verdict import Verdict
from iot_platform.settings import FleetSettings, Settings, load_settings
from iot_platform.warehouse.marts import Connection, ask_rows
from iot_platform.warehouse.workbench import Decision, Source, add_decisions
from tests.quality.fleet_loads import Record
from tests.quality.rows import NOON, dead, load, made, reading, repeats, warehouse

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def connection() -> Connection:
    return warehouse()


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path, fleet=FleetSettings(enabled=False))


def verdict(connection: Connection, chosen: Settings, name: str, after: timedelta = timedelta(minutes=1)) -> Verdict:
    return evaluate(connection, chosen, name, NOON + after)


def sent(sensor_id: str, nulls: int, of: int = 10, **changes: Any) -> list[Record]:
    """`of` readings in the minute after noon, in the first `nulls` of which the battery level is missing."""
    missing = {"battery_level": None}
    return [
        reading(NOON + timedelta(seconds=5 * n), sensor_id, **{**changes, **(missing if n < nulls else {})})
        for n in range(of)
    ]


def fleet(bad: int, nulls: int = 5, sensors: int = 20) -> list[Record]:
    """Sensors of which `bad` stand at site-b and leave out a field."""
    return [
        record
        for number in range(sensors)
        for record in sent(
            f"s-{number:02d}",
            nulls if number < bad else 0,
            location="site-b" if number < bad else f"site-{number % 3}",
        )
    ]


@pytest.mark.parametrize(
    ("bad", "nulls", "status"), [(0, 5, "pass"), (2, 10, "pass"), (3, 5, "error"), (3, 1, "pass"), (20, 5, "error")]
)
def test_nulls_are_a_burst_when_several_sensors_begin_to_leave_out_a_field(
    connection: Connection, chosen: Settings, bad: int, nulls: int, status: str
) -> None:
    load(connection, fleet(bad, nulls))
    assert verdict(connection, chosen, "null_burst").status == status


def test_a_burst_is_told_with_fields_sensors_locations_versions_and_what_they_share(
    connection: Connection, chosen: Settings
) -> None:
    load(connection, fleet(4))
    found = verdict(connection, chosen, "null_burst")
    assert found.figures == {"affected_share": 0.2, "affected_sensors": 4}
    for words in (
        "4 sensors of iot_data (of 20) left out a field in their newest readings: battery_level is null in 50 % of",
        "Fields: battery_level. Sensors: s-00, s-01, s-02, s-03. Locations: site-b. Schema versions: 1.",
        "Suspected cause: location site-b, which 4 of the 4 have and 0 of the others.",
    ):
        assert words in found.text
    assert found.offenders[0] == {
        "stream": "iot_data", "sensor_id": "s-00", "field": "battery_level", "location": "site-b",
        "schema_version": "1", "readings": 10, "nulls": 5,
    }  # fmt: skip


def test_dead_letters_for_a_null_count_with_the_sensors_own_readings(connection: Connection, chosen: Settings) -> None:
    letters = [
        dead(NOON + timedelta(seconds=5 * n + 1), f"s-{number:02d}", (Code.NULL_CRITICAL, "value"))
        for number in range(3)
        for n in range(10)
    ]
    load(connection, fleet(0), letters)
    found = verdict(connection, chosen, "null_burst")
    assert found.status == "error"
    assert "value is null in 50 % of their readings" in found.text


def test_a_burst_is_over_when_the_newest_minute_is_well(connection: Connection, chosen: Settings) -> None:
    load(connection, fleet(4))
    later = [reading(NOON + timedelta(seconds=61 + n), f"s-{n % 20:02d}") for n in range(200)]
    load(connection, later)
    assert verdict(connection, chosen, "null_burst", timedelta(minutes=5)).status == "pass"


def test_a_field_that_nobody_sends_is_no_burst(connection: Connection, chosen: Settings) -> None:
    load(connection, fleet(20, nulls=10))
    assert verdict(connection, chosen, "null_burst").status == "pass"


def test_sensors_of_which_nothing_is_valid_are_known_by_what_they_say(connection: Connection, chosen: Settings) -> None:
    payload = b'{"sensor_type": "humidity", "schema_version": 1}'
    letters = [
        dead(NOON + timedelta(seconds=5 * n), f"h-{s}", (Code.NULL_CRITICAL, "value"), value=payload)
        for s in range(4)
        for n in range(10)
    ]
    load(connection, fleet(0), letters)
    found = verdict(connection, chosen, "null_burst")
    assert found.status == "error"
    assert "Suspected cause: sensor type humidity, which 4 of the 4 have and 0 of the others." in found.text


def everyone(minutes: range, every_seconds: int, sensors: int = 20, **changes: Any) -> list[Record]:
    """All sensors of two places, in these minutes after noon."""
    return [
        reading(NOON + timedelta(seconds=second), f"s-{n:02d}", location=f"site-{n % 2}", **changes)
        for second in range(minutes.start * 60, minutes.stop * 60, every_seconds)
        for n in range(sensors)
    ]


def test_a_field_that_all_sensors_drop_at_once_is_a_burst_and_stays_one(
    connection: Connection, chosen: Settings
) -> None:
    load(connection, everyone(range(2), 5))
    load(connection, everyone(range(2, 4), 5, battery_level=None))
    found = verdict(connection, chosen, "null_burst", timedelta(minutes=4))
    assert (found.status, found.figures["affected_sensors"]) == ("error", 20)
    assert "battery_level is null in 100 % of their readings" in found.text
    assert "Suspected cause: something that all of the stream share (20 of 20 sensors)" in found.text
    load(connection, everyone(range(60, 62), 5, battery_level=None))  # an hour later: what is newest is all null
    assert verdict(connection, chosen, "null_burst", timedelta(minutes=62)).status == "error"
    made(connection, "null_rates")
    load(connection, everyone(range(2_880, 2_882), 5, battery_level=None))  # two days later
    assert verdict(connection, chosen, "null_burst", timedelta(minutes=2_882)).status == "error"


@pytest.mark.parametrize("every_seconds", [30, 120])
def test_slow_sensors_are_judged_by_their_newest_readings(
    connection: Connection, chosen: Settings, every_seconds: int
) -> None:
    load(connection, everyone(range(12), every_seconds, sensors=20))
    half = everyone(range(12, 20), every_seconds, sensors=10, signal_strength=None)
    well = [one for one in everyone(range(12, 20), every_seconds) if one.key() >= b"s-10"]
    load(connection, [*half, *well])
    found = verdict(connection, chosen, "null_burst", timedelta(minutes=20))
    assert (found.status, found.figures) == ("error", {"affected_share": 0.5, "affected_sensors": 10})


def test_a_critical_field_that_all_leave_out_stays_a_burst_though_nothing_valid_comes(
    connection: Connection, chosen: Settings
) -> None:
    load(connection, everyone(range(2), 5))
    for minutes in (3, 40, 1_800):
        at = NOON + timedelta(minutes=minutes)
        null = (Code.NULL_CRITICAL, "value")
        letters = [dead(at + timedelta(seconds=5 * n), f"s-{s:02d}", null) for n in range(12) for s in range(20)]
        load(connection, [], letters)
        found = verdict(connection, chosen, "null_burst", timedelta(minutes=minutes + 1))
        assert (found.status, found.figures["affected_sensors"]) == ("error", 20)
        assert "Locations: site-0, site-1." in found.text


@pytest.mark.parametrize(("count", "status"), [(0, "pass"), (4, "pass"), (6, "warn"), (40, "error")])
def test_repeats_are_judged_by_their_share_of_a_stream(
    connection: Connection, chosen: Settings, count: int, status: str
) -> None:
    load(connection, [reading(NOON + timedelta(seconds=n)) for n in range(96)], (), [repeats(NOON, {"echo": count})])
    made(connection, "duplicate_rates")
    found = verdict(connection, chosen, "duplicate_share", HALF_AN_HOUR)
    assert found.status == status or (count == 0 and found.status == "pass")
    if status != "pass":
        assert "most by echo" in found.text


def test_a_record_that_made_its_batch_fail_is_told_with_the_command_that_shows_it(
    connection: Connection, chosen: Settings
) -> None:
    assert verdict(connection, chosen, "unprocessable").status == "pass"
    load(connection, [], [dead(NOON, "s-1", (Code.UNPROCESSABLE, "")), dead(NOON, "s-2")])
    found = verdict(connection, chosen, "unprocessable")
    assert (found.status, found.figures) == ("error", {"letters": 1})
    assert "`iot-platform dlq show raw_iot_data/0/" in found.text
    assert verdict(connection, chosen, "unprocessable", timedelta(hours=25)).status == "pass"


def test_letters_that_were_given_up_are_told_and_those_that_a_person_parked_are_not(
    connection: Connection, chosen: Settings
) -> None:
    by_hand = Decision(Source(0, 1), "park", detail="not worth it")
    add_decisions(connection, "iot_data", [by_hand], NOON)
    assert verdict(connection, chosen, "parked_letters").status == "pass"
    given_up = Decision(Source(0, 2), "park", detail="dead after 5 attempts; dlq.max_attempts is 5")
    add_decisions(connection, "iot_data", [given_up], NOON)
    add_decisions(connection, "iot_data", [replace(given_up, source=Source(0, 3))], NOON)
    found = verdict(connection, chosen, "parked_letters")
    assert (found.status, found.figures) == ("error", {"letters": 2})
    assert "raw_iot_data/0/" in found.text
    add_decisions(connection, "iot_data", [Decision(Source(0, 3), "release")], NOON + timedelta(seconds=1))
    found = verdict(connection, chosen, "parked_letters")
    assert found.figures == {"letters": 1}
    assert "raw_iot_data/0/2" in found.text
    add_decisions(connection, "iot_data", [Decision(Source(0, 2), "redrive")], NOON + timedelta(seconds=1))
    assert verdict(connection, chosen, "parked_letters").status == "pass"


@pytest.mark.parametrize("decision", ["redrive", "park"])
def test_a_record_that_made_its_batch_fail_is_told_no_more_once_somebody_looked_after_it(
    connection: Connection, chosen: Settings, decision: str
) -> None:
    letters = [dead(NOON, f"s-{n}", (Code.UNPROCESSABLE, "")) for n in range(2)]
    load(connection, [], letters)
    assert verdict(connection, chosen, "unprocessable").figures == {"letters": 2}
    partition, offset = ask_rows(
        connection, "SELECT source_partition AS partition, source_offset AS at FROM dead_letters LIMIT 1", {}
    )[0].values()
    add_decisions(connection, "iot_data", [Decision(Source(partition, offset), decision)], NOON)
    assert verdict(connection, chosen, "unprocessable").figures == {"letters": 1}


def test_a_check_says_of_each_stream_by_itself_how_it_is(connection: Connection, chosen: Settings) -> None:
    load(connection, [reading(NOON + timedelta(seconds=n)) for n in range(20)])
    load(connection, [reading(NOON)], [dead(NOON, "b")] * 3, stream="air_quality")
    found = verdict(connection, chosen, "dead_letter_share")
    assert {name: one.status for name, one in found.streams.items()} == {"iot_data": "pass", "air_quality": "error"}
    assert "of the records of air_quality (3 of 4) are dead" in found.streams["air_quality"].text
    assert "of the records of iot_data (0 of 20) are dead" in found.streams["iot_data"].text
