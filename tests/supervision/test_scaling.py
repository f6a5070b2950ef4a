"""The number of validators follows the lag: what is wanted, what is remembered of it, and what people are told."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from iot_platform.lifecycle import lease
from iot_platform.settings import FleetSettings, KafkaSettings, ScalingSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.pauses import Pause, pause
from iot_platform.supervision.scaled import read_record, scaling_document, scaling_text, want
from iot_platform.supervision.scaling import policy_of, scale
from iot_platform.supervision.slots import (
    Desired,
    Draining,
    Role,
    Slot,
    change_desired,
    read_desired,
    validators_wanted,
)
from tests.supervision.scaling_scene import Scene

SECOND = Slot(Role.VALIDATOR, "s", 1)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(made(tmp_path, StreamSettings(validators_most=3)))


def made(tmp_path: Path, stream: StreamSettings) -> Settings:
    return load_settings(
        state_dir=tmp_path / "state",
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        streams={"s": stream},
        fleet=FleetSettings(enabled=False),
        scaling=ScalingSettings(in_after_seconds=60, cpu_share=None),
    )


def wanted(scene: Scene) -> int:
    return validators_wanted(scene.settings, read_desired(scene.settings), "s")


def until(scene: Scene, number: int, most_looks: int = 60) -> None:
    """Look until so many are wanted."""
    for _ in range(most_looks):
        if scene.look().decision.wanted == number:
            return
    raise AssertionError(
        f"{number} were never wanted: {scaling_text(scene.settings, read_desired(scene.settings), 's')}"
    )


def test_a_stream_that_falls_behind_gets_validators_and_gives_them_back(scene: Scene) -> None:
    scene.inflow = 1_800.0
    until(scene, 2)
    assert wanted(scene) == 2
    scene.inflow = 100.0
    until(scene, 1)
    assert wanted(scene) == 1
    ways = [(change.before, change.after, change.who) for change in read_record(scene.settings, "s").memory.changes]
    assert ways[0] == (1, 2, "scaling")
    assert ways[-1] == (2, 1, "scaling")


def test_what_was_learnt_outlives_the_process_that_learnt_it(scene: Scene) -> None:
    scene.inflow = 1_800.0
    until(scene, 2)
    assert read_record(scene.settings, "s").memory.rate == pytest.approx(1_000, rel=0.02)


def test_a_damaged_memory_is_begun_anew(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.looks(3)
    path = scene.settings.state_dir / "scaling" / "s.json"
    path.write_text("{", encoding="utf-8")
    assert scene.look().decision.wanted == 1
    assert "begun anew" in caplog.text


def test_a_persons_number_stands_until_it_is_given_back_and_scaling_goes_on_from_it(scene: Scene) -> None:
    scene.inflow = 1_800.0
    assert want(scene.settings, "s", 1, policy_of(scene.settings), scene.clock.now()) == 1
    assert {found.decision.wanted for found in scene.looks(20)} == {1}
    assert want(scene.settings, "s", 3, policy_of(scene.settings), scene.clock.now()) == 3
    assert {found.decision.wanted for found in scene.looks(20)} == {3}
    text = scaling_text(scene.settings, read_desired(scene.settings), "s") or ""
    assert text.startswith("3 validators (3). A person wants so many; `iot-platform streams scale s --auto` ends that.")
    assert "Scaled out 1 → 3" in text
    assert "by a person" in text
    assert want(scene.settings, "s", None, policy_of(scene.settings), scene.clock.now()) == 3
    scene.inflow = 100.0
    until(scene, 1)


def test_a_person_who_decides_during_a_look_wins(scene: Scene) -> None:
    scene.inflow = 5_000.0
    change_desired(scene.settings, lambda desired: Desired(validators={"s": 1}, scaled={"s": 3}))
    assert wanted(scene) == 1
    scene.looks(12)
    assert wanted(scene) == 1


def test_what_the_lag_wanted_counts_only_within_the_settings_as_they_are_now(scene: Scene, tmp_path: Path) -> None:
    desired = Desired(scaled={"s": 3})
    for stream, number in {
        StreamSettings(): 1,
        StreamSettings(validators=2): 2,
        StreamSettings(validators_most=2): 2,
        StreamSettings(validators_most=9): 3,
        StreamSettings(validators=4, validators_most=9): 4,
        StreamSettings(validators=0, validators_most=9): 3,
    }.items():
        assert validators_wanted(made(tmp_path, stream), desired, "s") == number
    assert validators_wanted(made(tmp_path, StreamSettings(validators=0, validators_most=2)), Desired(), "s") == 1


def test_a_stream_that_nobody_wants_scaled_is_not_looked_at(tmp_path: Path) -> None:
    settings = made(tmp_path, StreamSettings())
    scene = Scene(settings)
    assert scale(settings, scene.clock, scene.ask) == []
    assert scaling_text(settings, Desired(), "s") is None
    assert not (settings.state_dir / "scaling").exists()


def paused(scene: Scene) -> None:
    pause(scene.settings, "s", Pause(scene.clock.now().isoformat(), "by hand"))


def drained(scene: Scene) -> None:
    change_desired(scene.settings, lambda _: Desired(draining=Draining.SOURCES))


def stopped(scene: Scene) -> None:
    first = Slot(Role.VALIDATOR, "s", 0)
    change_desired(scene.settings, partial(Desired.hold, slot=first, why="by hand", now=scene.clock.now()))


@pytest.mark.parametrize(
    ("turn_off", "said"),
    [(paused, "it is paused since"), (drained, "it is drained"), (stopped, "a person stopped validator-s-0")],
)
def test_what_a_person_keeps_off_is_not_scaled(scene: Scene, turn_off: object, said: str) -> None:
    assert callable(turn_off)
    scene.inflow = 5_000.0
    turn_off(scene)
    found = scene.looks(12)
    assert {one.decision.wanted for one in found} == {1}
    assert all(f"Not scaled: {said}" in one.decision.why for one in found)


def test_a_kafka_that_does_not_answer_changes_nothing_and_is_said(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iot_platform.supervision.scaling._KAFKA_SECONDS", 0.2)
    scene.answers = False
    assert "Kafka did not tell" in scene.look().decision.why
    scene.answers = True
    (found,) = scale(scene.settings, scene.clock)  # the real question, of an address where nobody is
    assert "Kafka did not tell" in found.decision.why


def test_a_loader_that_is_late_starts_no_validator_and_is_told(scene: Scene) -> None:
    scene.loader_behind = True
    found = scene.looks(12)
    assert {one.decision.wanted for one in found} == {1}
    assert "The loader is late" in found[-1].decision.why
    assert "one writer" in (scaling_text(scene.settings, read_desired(scene.settings), "s") or "")


def test_two_looks_at_once_are_one(scene: Scene) -> None:
    with lease(scene.settings.lease_dir / "scaling.lock", "The other"):
        assert scale(scene.settings, scene.clock, scene.ask) == []


def test_a_validator_that_has_no_partition_yet_does_not_count(scene: Scene) -> None:
    scene.inflow = 1_800.0
    until(scene, 2)
    with (
        lease(Slot(Role.VALIDATOR, "s", 0).lease_path(scene.settings), "0"),
        lease(SECOND.lease_path(scene.settings), "1"),
    ):
        scene.clock.advance(10)
        (found,) = scale(scene.settings, scene.clock, scene.ask)
    assert "1 of 2 do" in found.decision.why


def test_the_document_has_the_history_with_who_and_why(scene: Scene) -> None:
    scene.inflow = 1_800.0
    until(scene, 2)
    document = scaling_document(scene.settings, read_desired(scene.settings), "s")
    assert (document["wanted"], document["least"], document["most"], document["fixed"]) == (2, 1, 3, None)
    (change,) = document["changes"]
    assert (change["before"], change["after"], change["who"]) == (1, 2, "scaling")
    assert "1 validator takes" in change["why"]
    assert document["text"].startswith("2 validators (1 to 3).")
