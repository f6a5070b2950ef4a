"""What a check says of many sensors in trouble: reasons, fields, places, and what they share."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iot_platform.contract.reasons import Code
from iot_platform.quality.checks import evaluate
from iot_platform.quality.hours import HOUR
from iot_platform.quality.verdict import StreamVerdict, Verdict
from iot_platform.settings import FleetSettings, Settings, load_settings
from iot_platform.warehouse.marts import Connection
from tests.quality.fleet_loads import Record
from tests.quality.rows import NOON, dead, load, made, reading, warehouse

LIGHT: dict[str, Any] = {"sensor_type": "light", "unit": "lx"}


@pytest.fixture
def connection() -> Connection:
    return warehouse()


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path, fleet=FleetSettings(enabled=False))


def verdict(connection: Connection, chosen: Settings, name: str) -> Verdict:
    return evaluate(connection, chosen, name, NOON + timedelta(minutes=30))


def healthy(sensors: range, count: int = 25, minutes: int = 0, **changes: Any) -> list[Record]:
    return [
        reading(NOON + timedelta(minutes=minutes, seconds=20 * n), f"s-{s:02d}", location=f"site-{s % 3}", **changes)
        for s in sensors
        for n in range(count)
    ]


def test_dead_letters_are_told_with_reasons_fields_places_and_what_the_sensors_share(
    connection: Connection, chosen: Settings
) -> None:
    """All humidity sensors send another unit: nothing of theirs is valid, and what they say of themselves is enough."""
    load(connection, healthy(range(10)))
    load(connection, [reading(NOON - timedelta(days=1), f"h-{s}", location=f"site-{s % 3}") for s in range(4)])
    payload = json.dumps({"sensor_type": "humidity"}).encode()
    letters = [
        dead(NOON + timedelta(seconds=n), f"h-{s}", (Code.UNIT, "unit"), value=payload)
        for s in range(4)
        for n in range(20)
    ]
    load(connection, [], [*letters, dead(NOON, None, (Code.NOT_JSON, ""), value=b"\xff{")])
    found = verdict(connection, chosen, "dead_letter_share")
    assert found.status == "error"
    for words in (
        "Reasons: unit (80), not_json (1). Fields: unit.",
        "Locations: site-0, site-1, site-2.",
        "Suspected cause: sensor type humidity, which 4 of the 4 have and 0 of the others.",
        "`iot-platform dlq list`",
    ):
        assert words in found.text
    assert found.offenders[1]["most_frequent_reason"] == "unit"


def test_nulls_are_told_with_what_the_sensors_share(connection: Connection, chosen: Settings) -> None:
    load(connection, healthy(range(12)))
    load(
        connection,
        [reading(NOON + timedelta(seconds=n), f"b-{s}", location="site-b", battery_level=None)
         for s in range(4) for n in range(25)],
    )  # fmt: skip
    for mart in ("null_rates", "sensor_quality"):
        made(connection, mart)
    found = verdict(connection, chosen, "null_rates")
    assert found.status == "error"
    assert "Suspected cause: location site-b, which 4 of the 4 have and 0 of the others." in found.text


@pytest.mark.parametrize(("silent", "status"), [(0, "pass"), (1, "warn"), (2, "error")])
def test_where_there_are_few_sensors_a_quarter_that_is_silent_is_an_error(
    connection: Connection, chosen: Settings, silent: int, status: str
) -> None:
    load(connection, healthy(range(8), count=60, minutes=-20, **LIGHT))
    load(connection, healthy(range(silent, 8), count=30, **LIGHT))
    for mart in ("stream_flow", "sensor_quality", "silent_sensors"):
        made(connection, mart, now=NOON + timedelta(minutes=11))
    assert verdict(connection, chosen, "silent_sensors").status == status


def test_silent_sensors_are_told_with_what_they_share(connection: Connection, chosen: Settings) -> None:
    load(connection, healthy(range(12), count=60, minutes=-20, **LIGHT))
    load(connection, [one for one in healthy(range(12), count=30, **LIGHT) if int(one.key()[2:]) % 3])
    for mart in ("stream_flow", "sensor_quality", "silent_sensors"):
        made(connection, mart, now=NOON + HOUR / 6)
    found = verdict(connection, chosen, "silent_sensors")
    assert found.figures["silent_sensors"] == 4
    assert "s-00, s-03, s-06, s-09 at site-0" in found.text
    assert "Suspected cause: location site-0, which 4 of the 4 have and 0 of the others." in found.text


def test_when_all_report_again_the_stream_says_so(connection: Connection, chosen: Settings) -> None:
    found = verdict(connection, chosen, "silent_sensors")
    assert found.streams["iot_data"] == StreamVerdict("pass", "Every sensor has reported within two of its intervals.")


def test_a_sensor_that_reports_again_is_named_as_back_and_after_an_outage_nobody_is(
    connection: Connection, chosen: Settings
) -> None:
    load(connection, healthy(range(6), count=540, minutes=-180, **LIGHT))
    load(connection, healthy(range(1, 6), count=330, **LIGHT))
    load(connection, healthy(range(6), count=60, minutes=110, **LIGHT))  # s-00 was silent from noon to 13:50

    def at(minutes: int) -> Verdict:
        for mart in ("stream_flow", "sensor_quality", "silent_sensors"):
            made(connection, mart, now=NOON + timedelta(minutes=minutes))
        return evaluate(connection, chosen, "silent_sensors", NOON + timedelta(minutes=minutes))

    found = at(130)
    assert found.text == "Every sensor has reported within two of its intervals. Back: s-00 after 110 min."
    load(connection, healthy(range(6), count=60, minutes=190, **LIGHT))
    load(connection, healthy(range(1, 6), count=60, minutes=210, **LIGHT))
    load(connection, healthy(range(6), count=15, minutes=230, **LIGHT))  # s-00 was silent within an hour, too
    assert at(236).text == "Every sensor has reported within two of its intervals. Back: s-00 after 20 min."
    load(connection, healthy(range(6), count=30, minutes=400, **LIGHT))  # nobody for hours
    assert at(410).text == "Every sensor has reported within two of its intervals."
