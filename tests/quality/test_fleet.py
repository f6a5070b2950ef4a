"""The default fleet, as a user sees it after half an hour: its troublemakers are found, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from iot_platform.quality.checks import CHECKS, evaluate
from iot_platform.quality.marts import build, catalogues_of
from iot_platform.quality.tables import MARTS
from iot_platform.settings import load_settings
from iot_platform.warehouse.connection import open_warehouse
from tests.quality.fleet_loads import FleetLoads
from tests.quality.rows import table

_FOUND = {"dead_letter_share", "null_rates", "silent_sensors"}


def test_the_troublemakers_are_found_and_said_to_be_the_fleets_own(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path)
    stream = FleetLoads(settings, datetime(2026, 7, 1, 23, 45, tzinfo=UTC))
    stream.run(timedelta(minutes=20))
    now = stream.clock.now()
    with open_warehouse(settings) as connection:
        for mart in MARTS.values():
            build(connection, mart, now=now, catalogues=catalogues_of(settings))
    with open_warehouse(settings, read_only=True) as connection:
        verdicts = {name: evaluate(connection, settings, name, now) for name in CHECKS}
        silent = [row["sensor_id"] for row in table(connection, "silent_sensors")]
        scores = {row["sensor_id"]: row["score"] for row in table(connection, "sensor_quality")}
    assert {name for name, verdict in verdicts.items() if verdict.status != "pass"} == _FOUND
    assert all("IOT_FLEET__ENABLED=false" in verdicts[name].text for name in _FOUND)
    assert silent == ["trouble-silent-01"]
    assert {sensor for sensor, score in scores.items() if score < 100 and not sensor.startswith("trouble-")} == set()
