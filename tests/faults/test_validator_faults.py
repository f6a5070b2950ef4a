"""F12 to F18, F24, F25: the validator is killed, put to sleep, fenced and contradicted."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Case, MakeScene
from tests.faults.scene import KILLED, Scene, at_once, processes

pytestmark = pytest.mark.kafka

POINTS = (
    "before_begin",
    "after_begin",
    "mid_produce",
    "after_produce",
    "after_flush",
    "after_send_offsets",
    "after_commit",
    "after_apply",
)
SMALL = {"IOT_VALIDATOR__BATCH_MAX": "50"}


def test_f13_a_kill_at_any_step_of_a_transaction_loses_and_doubles_nothing(make_scene: MakeScene, case: Case) -> None:
    """All at once, each in a stream of its own: after a kill the group waits some seconds for the dead member."""
    scenes = {point: make_scene() for point in POINTS}

    def prepare(scene: Scene) -> None:
        scene.sing()
        scene.send(300)

    at_once(*(lambda scene=scene: prepare(scene) for scene in scenes.values()))
    faults = {point: {"IOT_FAULTPOINT": f"validator.{point}:kill:2", **SMALL} for point in POINTS}
    started = [(scene, scene.validator(), faults[point]) for point, scene in scenes.items()]
    with processes(*started) as victims:
        for scene, victim in zip(scenes.values(), victims, strict=True):
            assert victim.wait(90) == KILLED, scene.log.read_text()
    at_once(*(lambda scene=scene: case.holds(scene) for scene in scenes.values()))
