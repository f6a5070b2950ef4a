"""The jobs of the dead-letter workbench do what the commands do, and say it where people look."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from iot_platform.contract.reasons import Code
from iot_platform.orchestration.workbench import dlq_fix, dlq_park, dlq_redrive
from iot_platform.pipeline.publish import Publisher
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from tests.quality.rows import dead, load
from tests.support.readings import document, wire_time

NOW = datetime.now(UTC)


class _Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def loaded(here: Settings) -> Settings:
    """Three dead letters: one in Fahrenheit, one in Fahrenheit of an empty battery's voltage, one that is no JSON."""
    reading = {**document(value=70.7, unit="degF"), "generated_at": wire_time(NOW - timedelta(seconds=1))}
    with open_warehouse(here) as connection:
        letters = [
            dead(NOW, "sensor-1", (Code.UNIT, "unit"), value=json.dumps(reading).encode()),
            dead(NOW, "sensor-1", (Code.UNIT, "unit"), value=json.dumps({**reading, "battery_level": 101}).encode()),
            dead(NOW, "sensor-1", (Code.NOT_JSON, ""), value=b"{"),
        ]
        load(connection, dead_letters=letters, at=NOW)
    Publisher(here, _Clock()).publish(always=True)
    return here


def run(job: dg.JobDefinition, op: str, instance: dg.DagsterInstance, **config: Any) -> Any:
    return job.execute_in_process(instance=instance, run_config={"ops": {op: {"config": config}}}, raise_on_error=False)


def told(result: Any) -> dict[str, Any]:
    """What the run put beside its output."""
    (event,) = [one for one in result.all_events if one.event_type_value == "STEP_OUTPUT"]
    return {name: getattr(value, "records", value.value) for name, value in event.step_output_data.metadata.items()}


def test_a_patch_is_tried_by_the_validators_own_rules_and_nothing_is_sent(
    loaded: Settings, instance: dg.DagsterInstance
) -> None:
    result = run(dlq_fix, "fix_dead_letters", instance, patch="fahrenheit")
    assert result.success
    found = told(result)
    assert (found["matched"], found["valid"], found["dead"], found["unrecoverable"]) == (2, 1, 1, 0)
    rows = [record.data for record in found["changes"]]
    assert {row["field"]: (row["is"], row["would be"]) for row in rows} == {
        "value": ("70.7", "21.5"),
        "unit": ('"degF"', '"Cel"'),
    }
    assert [record.data["not mended because"] for record in found["not mended"]] == ["range battery_level"]
    with open_warehouse(loaded, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM dlq_decisions").fetchone() == (0,)


def test_parked_ones_are_released_again(loaded: Settings, instance: dg.DagsterInstance) -> None:
    parked = run(dlq_park, "park_dead_letters", instance, reason="unit", why="asked the owner")
    assert told(parked) == {"parked": 2}
    assert told(run(dlq_park, "park_dead_letters", instance, reason="unit")) == {"parked": 0}
    assert told(run(dlq_park, "park_dead_letters", instance, everything=True, release=True)) == {"released": 2}


def test_nothing_asked_for_is_not_everything(loaded: Settings, instance: dg.DagsterInstance) -> None:
    for job, op in ((dlq_redrive, "redrive_dead_letters"), (dlq_park, "park_dead_letters")):
        result = run(job, op, instance)
        assert not result.success
        (event,) = [one for one in result.all_events if one.event_type_value == "STEP_FAILURE"]
        assert "Nothing says which dead letters." in str(event.step_failure_data.error)
