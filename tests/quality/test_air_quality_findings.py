"""A year of a real device: what the rules over many readings tell of it is true."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from iot_platform.quality.hours import HOUR
from tests.quality.rows import NOON, table, warehouse
from tests.quality.series import Series, add, findings

_FILE = Path(__file__).parents[2] / "examples" / "air_quality" / "AirQualityUCI.csv"
_TYPES = {
    "CO(GT)": "co_reference", "PT08.S1(CO)": "co_response", "NMHC(GT)": "nmhc_reference", "NOx(GT)": "nox_reference",
    "NO2(GT)": "no2_reference", "PT08.S5(O3)": "o3_response", "T": "temperature", "RH": "humidity",
}  # fmt: skip


def device() -> dict[str, Series]:
    """Its columns as one replay brings them: accepted within a minute, measured over a year; -200 is no reading."""
    with _FILE.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["Date"]]
    moments = [datetime.strptime(f"{row['Date']} {row['Time']}+0100", "%d-%m-%Y %H:%M:%S%z") for row in rows]
    sensors = {}
    for column, kind in _TYPES.items():
        kept = [(float(row[column]), at) for row, at in zip(rows, moments, strict=True) if float(row[column]) != -200]
        accepted = NOON.timestamp() + 0.005 * np.arange(len(kept))
        delay = accepted - np.array([at.timestamp() for _, at in kept])
        sensors[column] = Series(kind, [value for value, _ in kept], NOON, every=0.005, delay=delay)
    return sensors


def test_none_of_its_sensors_is_stuck_and_one_stopped_measuring_after_seven_weeks() -> None:
    connection = warehouse()
    add(connection, device(), "air_quality")
    assert findings(connection, NOON + HOUR) == {}
    told = {row["sensor_id"]: row for row in table(connection, "sensor_values")}
    assert {name: row["longest_run"] for name, row in told.items() if row["longest_run"] > 4} == {"CO(GT)": 5}
    ends = datetime(2005, 4, 4, 13, tzinfo=UTC)
    assert told["NMHC(GT)"]["last_at"] < datetime(2004, 5, 1, 12, tzinfo=UTC)
    assert {name for name, row in told.items() if row["last_at"] < ends - timedelta(days=1)} == {"NMHC(GT)"}


def test_a_sensor_of_it_that_shows_one_value_for_two_days_is_stuck() -> None:
    connection, sensors = warehouse(), device()
    broken = np.array(sensors["T"].values)
    broken[4_000:4_048] = broken[4_000]
    sensors["T"] = Series("temperature", broken, NOON, every=0.005, delay=sensors["T"].delay)
    add(connection, {"T": sensors["T"], "RH": sensors["RH"]}, "air_quality")
    assert findings(connection, NOON + HOUR) == {"T": {"stuck"}}
