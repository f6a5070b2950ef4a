"""The job of the diagnosis says what the command says, where people look."""

from __future__ import annotations

import dagster as dg
import pytest

from iot_platform.orchestration.diagnosing import diagnose_job
from iot_platform.settings import Settings


def test_the_job_says_that_kafka_is_away_and_succeeds(
    here: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iot_platform.supervision.diagnosis._ANSWER_SECONDS", 0.2)
    config = {"ops": {"look_for_causes": {"config": {"seconds": 1.0}}}}
    result = diagnose_job.execute_in_process(instance=instance, run_config=config)
    assert result.success
    (event,) = [one for one in result.all_events if one.event_type_value == "STEP_OUTPUT"]
    told = event.step_output_data.metadata
    assert "Kafka does not answer: nothing moves until it does." in told["says"].value
    assert told["causes"].value >= 1
    assert {"producer-iot_data", "validator-iot_data-0"} <= {row.data["process"] for row in told["processes"].records}
