"""The sensor that scales: what its tick says, what the UI is shown, and that the keeper starts what it wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from iot_platform.orchestration.streams.keeper import keep_streams_running
from iot_platform.orchestration.streams.ops import SLOT_TAG
from iot_platform.orchestration.streams.scaler import observation, scale_sensor, sentence
from iot_platform.supervision import scaling
from iot_platform.supervision.dagster_home import write_home
from tests.orchestration.here import installed
from tests.supervision.scaling_scene import Scene

STREAM = '{"iot_data": "none", "air_quality": "none", "s": {"validators_most": 3}}'


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    """An installation in the environment too; its lag is the scene's, its clock the system's."""
    alone = {"IOT_STREAMS": STREAM, "IOT_FLEET__ENABLED": "false", "IOT_SCALING__CPU_SHARE": "none"}
    settings = installed(monkeypatch, tmp_path / "state", **alone)
    made = Scene(settings)
    monkeypatch.setattr(scaling.scale, "__defaults__", (made.ask,))
    return made


def tick(scene: Scene, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context, scene.working():
        result = scale_sensor(scene.settings)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def said(result: dg.SensorResult) -> str:
    reason = result.skip_reason
    return str(reason.skip_message if isinstance(reason, dg.SkipReason) else reason)


def test_where_nothing_is_scaled_the_tick_says_which_setting_does_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    sensor = scale_sensor(installed(monkeypatch, tmp_path / "state"))
    assert sensor.minimum_interval_seconds == 60
    with dg.build_sensor_context(instance=instance) as context:
        result = sensor(context)
    assert said(result) == "No stream is scaled: set streams.NAME.validators_most."


def test_a_tick_says_how_many_there_are_and_why_and_shows_it_now_and_then(
    scene: Scene, instance: dg.DagsterInstance
) -> None:
    first = tick(scene, instance)
    assert said(first).startswith("s: 1 validator (1 to 3). As it is: partitions were shared out anew")
    assert len(first.asset_events) == 1
    second = tick(scene, instance, first.cursor)
    assert second.asset_events == [], "an observation each ten seconds would fill Dagster's log"
    assert scale_sensor(scene.settings).minimum_interval_seconds == 10


def test_the_ui_is_shown_figures_that_it_plots_the_sentence_and_what_changed(scene: Scene) -> None:
    scene.inflow = 1_800.0
    found = next(one for one in (scene.look() for _ in range(30)) if one.changed)
    told: dict[str, Any] = {key: value.value for key, value in observation(found).metadata.items()}
    assert (told["validators wanted"], told["validators running"]) == (2, 1)
    assert told["arrive (per second)"] == pytest.approx(1_800, rel=0.01)
    assert told["scaling"] == sentence(found)
    assert told["scaling"].startswith("2 validators (1 to 3).")
    assert "Scaled out 1 → 2 at" in told["scaling"]
    (change,) = told["scaled"].records if hasattr(told["scaled"], "records") else told["scaled"]
    assert (change.data["before"], change.data["after"]) == (1, 2)


def test_what_scaling_wants_the_keeper_starts(scene: Scene, instance: dg.DagsterInstance) -> None:
    scene.inflow = 1_800.0
    assert any(one.changed for one in scene.looks(30))
    with dg.build_sensor_context(instance=instance) as context:
        result = keep_streams_running(context)
    assert isinstance(result, dg.SensorResult)
    assert {request.tags[SLOT_TAG] for request in result.run_requests or ()} >= {"validator-s-0", "validator-s-1"}


def test_the_queue_of_runs_has_room_for_the_most_there_may_be(scene: Scene) -> None:
    write_home(scene.settings)
    written = (scene.settings.dagster_home / "dagster.yaml").read_text(encoding="utf-8")
    assert "max_concurrent_runs: 13" in written
