"""The default fleet, as a user sees it after two hours: troublemakers are named with their causes, nobody else is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from iot_platform.quality.checks import CHECKS, evaluate
from iot_platform.quality.marts import build, catalogues_of
from iot_platform.quality.tables import MARTS
from iot_platform.quality.verdict import Verdict
from iot_platform.settings import load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.marts import Connection, ask_rows
from tests.quality.fleet_loads import FleetLoads
from tests.quality.rows import table

_FOUND = {"dead_letter_share", "null_rates", "silent_sensors", "sensor_findings"}
_CAUSES = {
    "trouble-stuck-01": {"stuck"},
    "trouble-drift-01": {"drift", "range:value"},
    "trouble-null-value-01": {"null_critical:value", "null:value"},
    "trouble-null-optional-01": {"null:unit", "null:location", "null:battery_level", "null:signal_strength"},
    "trouble-clock-ahead-01": {"from_future:generated_at"},
    "trouble-clock-behind-01": {"too_old:generated_at"},
    "trouble-duplicate-01": {"repeats"},
    "trouble-silent-01": {"silent"},
    "trouble-malformed-01": {"not_json:", "not_utf8:", "not_object:", "type:value", "type:schema_version"},
    "trouble-unit-01": {"unit:unit"},
}
_TOLD = """
    SELECT sensor_id, rule AS cause FROM sensor_findings
    UNION SELECT sensor_id, reason.code || ':' || reason.field
    FROM (SELECT sensor_id, unnest(from_json(reasons, '[{"code": "VARCHAR", "field": "VARCHAR"}]')) AS reason
          FROM dead_letters)
    UNION SELECT sensor_id, 'null:' || field FROM null_rates WHERE sensor_id <> '(all)'
    UNION SELECT sensor_id, 'repeats' FROM duplicate_rates WHERE sensor_id <> '(all)'
    UNION SELECT sensor_id, 'silent' FROM silent_sensors
"""


@dataclass(frozen=True)
class Morning:
    """What the platform says after two hours."""

    verdicts: dict[str, Verdict]
    causes: dict[str, set[str]]
    silent: list[str]
    scores: dict[str, float]


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Morning]:
    settings = load_settings(state_dir=tmp_path_factory.mktemp("fleet"))
    stream = FleetLoads(settings, datetime(2026, 7, 1, 22, 20, tzinfo=UTC))
    stream.run(timedelta(minutes=115), load_every=timedelta(minutes=5))
    now = stream.clock.now()
    with open_warehouse(settings) as connection:
        for mart in MARTS.values():
            build(connection, mart, now=now, catalogues=catalogues_of(settings))
        yield Morning(
            {name: evaluate(connection, settings, name, now) for name in CHECKS},
            _causes(connection),
            [row["sensor_id"] for row in table(connection, "silent_sensors")],
            {row["sensor_id"]: row["score"] for row in table(connection, "sensor_quality")},
        )


def _causes(connection: Connection) -> dict[str, set[str]]:
    told: dict[str, set[str]] = {}
    for row in ask_rows(connection, _TOLD, {}):
        told.setdefault(row["sensor_id"], set()).add(row["cause"])
    return told


def test_each_troublemaker_is_named_with_its_cause_and_no_healthy_sensor_is(morning: Morning) -> None:
    assert morning.causes == _CAUSES


def test_the_troublemakers_are_found_and_said_to_be_the_fleets_own(morning: Morning) -> None:
    assert {name for name, verdict in morning.verdicts.items() if verdict.status != "pass"} == _FOUND
    assert all("IOT_FLEET__ENABLED=false" in morning.verdicts[name].text for name in _FOUND)
    assert morning.silent == ["trouble-silent-01"]
    low = {sensor for sensor, score in morning.scores.items() if score < 100}
    assert {sensor for sensor in low if not sensor.startswith("trouble-")} == set()


def test_the_worst_odd_sensors_are_told_with_rule_and_figure(morning: Morning) -> None:
    text = morning.verdicts["sensor_findings"].text
    assert text.startswith("2 sensors behave oddly, though the readings are valid: trouble-stuck-01 (stuck: ")
    assert "trouble-drift-01 (drift: its median moved steadily from " in text
    assert "readings in a row are" in text
