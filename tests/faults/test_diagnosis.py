"""Causes of lag are planted on a real Kafka, and `diagnose` names each (L4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from iot_platform.clock import SystemClock
from iot_platform.settings import Settings
from iot_platform.supervision.diagnosis import Diagnosis, diagnose
from iot_platform.warehouse.connection import open_warehouse
from tests.faults.scene import Scene
from tests.support.given import Given, many
from tests.support.held_file import held
from tests.support.waiting import eventually

_LOOK_SECONDS = 3.0
_NAMED_SECONDS = 150.0
_SPIN = "while True: pass"
_SLOW = {"IOT_FAULTPOINT": "validator.judge:sleep=0.05:*", "IOT_VALIDATOR__BATCH_MAX": "20"}
"""A second a transaction: a stage is told when it is over."""


def look(settings: Settings, meanwhile: Callable[[], None] | None = None) -> Diagnosis:
    """As the command, but shorter; `meanwhile` happens between the two looks."""

    def wait() -> None:
        if meanwhile is not None:
            meanwhile()
        threading.Event().wait(_LOOK_SECONDS)

    return diagnose(settings, SystemClock(), wait)


def is_named(settings: Settings, cause: str, text: str, meanwhile: Callable[[], None] | None = None) -> None:
    """Sooner or later, by a verdict with `text` in it or in its evidence."""
    seen: list[str] = []

    def named() -> bool:
        found = look(settings, meanwhile)
        seen[:] = [f"{one.cause}: {one.text} {' '.join(one.evidence)}" for one in found.verdicts]
        return any(one.startswith(f"{cause}: ") and text in one for one in seen)

    try:
        eventually(named, _NAMED_SECONDS, cause)
    except AssertionError as error:
        raise AssertionError(f"{error}; the last verdicts were {seen}") from None


@contextmanager
def validating(scene: Scene, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A validator as a process, that has its partitions."""
    with scene.process(*scene.validator(), **environment) as process:
        beat = scene.settings.heartbeat_dir / f"validator-{scene.stream}-0.json"
        eventually(lambda: beat.exists() and json.loads(beat.read_text()).get("partitions"), 90, "its partitions")
        yield process


def test_a_file_of_duckdb_that_somebody_holds_is_named_with_its_holder(scene: Scene) -> None:
    with open_warehouse(scene.settings):
        pass
    with held(scene.settings.warehouse_path) as holder:
        is_named(scene.settings, "warehouse_locked", str(holder.pid))


@pytest.mark.long
def test_a_healthy_stream_has_no_cause_within_it(scene: Scene) -> None:
    with validating(scene):
        scene.give(Given(many(200)))
        scene.await_covered()
        found = look(scene.settings)
    (validator,) = [one for one in found.facts.processes if one.role == "validator"]
    assert validator.alive
    assert validator.stages["fetch"] > 0
    outside = {"slow_broker", "starved_cpu"}  # of the machine on which the test runs
    assert {one.cause for one in found.verdicts} <= outside


@pytest.mark.long
@pytest.mark.timeout(600)
def test_slow_code_is_named_with_its_stage(scene: Scene) -> None:
    with validating(scene, **_SLOW):
        scene.give(Given(many(6_000)))
        is_named(scene.settings, "slow_code", "of its time goes into decoding")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hot_partition_is_named_with_the_sensor_that_makes_it_so(scene: Scene) -> None:
    with validating(scene, **_SLOW):
        scene.give(Given(many(3_000, sensors=1), "flood"))
        more = iter(range(1_000))
        is_named(
            scene.settings, "hot_partition", "100 % are of sensor-0",
            lambda: scene.give(Given(many(500, sensors=1), f"flood-{next(more)}")) and None,
        )  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_starved_processor_is_named(scene: Scene) -> None:
    """The validator shares one processor with sixteen that never rest; it always has work."""
    with validating(scene) as process:
        os.sched_setaffinity(process.pid, {0})
        spinning = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(16)]
        more = iter(range(1_000))
        try:
            for one in spinning:
                os.sched_setaffinity(one.pid, {0})
            is_named(
                scene.settings, "starved_cpu", "had work and got no processor",
                lambda: scene.give(Given(many(20_000), f"work-{next(more)}")) and None,
            )  # fmt: skip
        finally:
            for one in spinning:
                one.kill()
                one.wait()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_records_on_which_the_code_fails_are_named(scene: Scene) -> None:
    with validating(scene, IOT_FAULTPOINT="validator.judge@sensor-0:raise:*"):
        more = iter(range(1_000))
        is_named(
            scene.settings, "poison", "InjectedFaultError",
            lambda: scene.give(Given(many(200), f"poison-{next(more)}")) and None,
        )  # fmt: skip
