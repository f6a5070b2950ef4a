"""F19 to F22: the broker sleeps and loses its data; validators come and go while readings and repeats never cease."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.clock import SystemClock
from iot_platform.contract import dead_letter
from iot_platform.contract.reasons import Code
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError, OffsetsLostError
from iot_platform.pipeline.audit import audit
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from iot_platform.stream.topics import ensure_topics
from tests.faults.conftest import Case, settings_on
from tests.faults.scene import Scene
from tests.faults.victim import Victim
from tests.faults.watcher import Watcher
from tests.support.processes import has_stopped
from tests.support.topics import Kept, assert_ledger_is_whole, read_all, read_ledger
from tests.support.traffic import Traffic
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

SEED = 20_261_124
MOVE_SECONDS = 90.0
STORM_SECONDS = 60.0
ASLEEP_SECONDS = 30.0


def owners(settings: Settings, topology: Topology) -> dict[int, list[int]]:
    """By partition, the slots that validated it, in order; each as often as it took the partition over."""
    moves: dict[int, list[int]] = defaultdict(list)
    for entry in read_ledger(settings, topology.stream):
        if moves[entry.partition][-1:] != [entry.slot]:
            moves[entry.partition].append(entry.slot)
    return moves


def sensor_order(values: Sequence[bytes | None]) -> dict[str, list[bytes | None]]:
    by_sensor: dict[str, list[bytes | None]] = defaultdict(list)
    for value in values:
        by_sensor[json.loads(value or b"")["sensor_id"]].append(value)
    return by_sensor


def assert_each_once(settings: Settings, topology: Topology, traffic: Traffic) -> None:
    valid, dead = read_all(settings, topology.validated), read_all(settings, topology.dead_letters)
    assert Counter(kept.value for kept in valid) == Counter(traffic.new)
    assert sensor_order([kept.value for kept in valid]) == sensor_order(traffic.new)
    assert codes(dead) == Counter({Code.CONFLICT: traffic.conflicts})
    entries = read_ledger(settings, topology.stream)
    assert sum(entry.duplicates for entry in entries) == traffic.repeats
    assert_ledger_is_whole(entries, read_all(settings, topology.raw))


def codes(dead: list[Kept]) -> Counter[Code]:
    return Counter(reason.code for kept in dead for reason in dead_letter.from_headers(kept.headers).reasons)


class Crew:
    """Validators of one stream, each under a slot of its own; as many as asked for."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._members: dict[int, tuple[ExitStack, Popen[bytes]]] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for slot in list(self._members):
            self.kill(slot)

    @property
    def slots(self) -> list[int]:
        return list(self._members)

    def become(self, size: int) -> None:
        """Start the next slots, or stop the highest."""
        for slot in range(len(self._members), size):
            self.join(slot)
        for slot in range(size, len(self._members)):
            self.leave(slot)

    def join(self, slot: int) -> None:
        stack = ExitStack()
        process = stack.enter_context(self._scene.process(*self._scene.validator(slot)))
        self._members[slot] = (stack, process)

    def leave(self, slot: int) -> None:
        stack, process = self._members.pop(slot)
        process.terminate()
        assert process.wait(60) == 0
        stack.close()

    def kill(self, slot: int) -> None:
        stack, _ = self._members.pop(slot)
        stack.close()


@pytest.mark.parametrize(
    "sizes",
    [(1, 2, 1), pytest.param((1, 2, 5, 3, 1), marks=pytest.mark.long)],
    ids=lambda sizes: "-".join(map(str, sizes)),
)
def test_f22_repeats_sent_before_during_and_after_each_move_are_valid_once(
    scene: Scene, case: Case, sizes: tuple[int, ...]
) -> None:
    """At each size every partition is validated anew by some slot that is left, and none by one that is not."""
    settings, topology = scene.settings, scene.topology
    with Traffic(settings, topology.raw, SEED) as traffic, Crew(scene) as crew:
        for size in sizes:
            crew.become(size)
            eventually(
                lambda size=size: settled(owners(settings, topology), size),
                MOVE_SECONDS,
                f"partitions over {size}; {scene.log.read_text()[-3000:]}",
            )
        traffic.end()
        scene.await_covered(MOVE_SECONDS)
    if len(sizes) > 3:
        assert {slot for slots in owners(settings, topology).values() for slot in slots} > {0, 1}
    assert_each_once(settings, topology, traffic)
    case.note(seconds=scene.settle())


def settled(owned: dict[int, list[int]], size: int) -> bool:
    """Every partition is with a slot that is there, and as many slots have one as can."""
    last = {slots[-1] for slots in owned.values()}
    return len(owned) == 3 and max(last) < size and len(last) == min(size, len(owned))


@pytest.mark.long
def test_f21_a_storm_of_rebalances_stalls_nobody_and_doubles_nothing(scene: Scene, case: Case) -> None:
    """Members come and go every one to three seconds, one in three by a kill; then all is validated."""
    chance = random.Random(SEED)
    pause = threading.Event()
    until = time.monotonic() + STORM_SECONDS
    with (
        Traffic(scene.settings, scene.topology.raw, SEED) as traffic,
        Watcher(scene.settings, scene.topology) as watcher,
        Crew(scene) as crew,
    ):
        crew.join(0)
        while time.monotonic() < until:
            pause.wait(chance.uniform(1, 3))
            if len(crew.slots) < 4 and chance.random() < 0.6:
                crew.join(min(set(range(5)) - set(crew.slots)))
            elif len(crew.slots) > 1:
                (crew.kill if chance.random() < 1 / 3 else crew.leave)(chance.choice(crew.slots))
        traffic.end()
        scene.await_covered(2 * MOVE_SECONDS)
    assert_each_once(scene.settings, scene.topology, traffic)
    assert not watcher.faults
    case.note(seconds=scene.settle())


@pytest.mark.long
def test_f19_a_broker_that_slept_for_half_a_minute_loses_and_doubles_nothing(
    frail: Scene, victim: Victim, case: Case
) -> None:
    frail.send(300)
    with (
        Watcher(frail.settings, frail.topology) as watcher,
        frail.process(*frail.validator(), IOT_VALIDATOR__BATCH_MAX="20"),
    ):
        eventually(lambda: len(watcher.seen) > 20, 90, "some transactions")
        victim.sleep()
        threading.Event().wait(ASLEEP_SECONDS)
        victim.wake()
        frail.send(300)
        frail.await_covered(2 * MOVE_SECONDS)
    case.holds(frail, watcher)


@pytest.mark.long
def test_f20_a_broker_that_lost_its_data_is_told_by_loader_and_audit(
    new_broker: Callable[[], LocalBroker], tmp_path: Path, case: Case
) -> None:
    node = new_broker()
    scene = Scene(settings_on(node.bootstrap_servers, tmp_path), tmp_path)
    scene.send(300)
    scene.settle()
    node.kill()
    shutil.rmtree(tmp_path / "kafka-0" / "kafka" / "data")
    node.start()
    clients = Clients(scene.settings)
    node.wait_ready(lambda: is_reachable(clients))
    with pytest.raises(KafkaUnavailableError, match=f"no topic {scene.topology.validated}|cannot be described"):
        scene.load()
    ensure_topics(clients, scene.settings, scene.stream)
    with pytest.raises(OffsetsLostError, match="made anew"):
        scene.load()
    codes = {finding.code for finding in audit(scene.settings, scene.stream, SystemClock()).findings}
    assert {"source_lost", "raw_lost"} <= codes
    case.note()


@pytest.mark.long
def test_f20_a_transaction_that_the_coordinator_has_lost_is_told_and_can_be_ended(
    new_broker: Callable[[], LocalBroker], tmp_path: Path, case: Case
) -> None:
    """The coordinator's log is gone, and the records of an open transaction are not: Kafka would never end it."""
    node = new_broker()
    scene = Scene(settings_on(node.bootstrap_servers, tmp_path), tmp_path)
    scene.send(300)
    fault = {"IOT_FAULTPOINT": "validator.after_flush:stop:2", "IOT_VALIDATOR__BATCH_MAX": "50"}
    with scene.process(*scene.validator(), **fault) as validator:
        eventually(lambda: has_stopped(validator), 90, "a validator that sleeps in a transaction")
        node.kill()
        for log in (tmp_path / "kafka-0" / "kafka" / "data").glob("__transaction_state-*"):
            shutil.rmtree(log)
        node.start()
        clients = Clients(scene.settings)
        node.wait_ready(lambda: is_reachable(clients))
        os.kill(validator.pid, signal.SIGCONT)
        command = f"iot-platform streams abort-hanging {scene.stream}"
        eventually(lambda: command in scene.log.read_text(), 60, "a next step for the one who reads the log")
        assert not scene.is_covered(), "something was skipped"
        eventually(lambda: ends_it(scene), 180, "a transaction that counts as hanging")
        scene.await_covered()
        validator.terminate()
        assert validator.wait(60) == 0
    case.holds(scene)


def ends_it(scene: Scene) -> bool:
    """Whether the command found something to abort."""
    with scene.process("streams", "abort-hanging", scene.stream) as command:
        assert command.wait(60) == 0, scene.log.read_text()[-2000:]
    return f"Aborted: {scene.topology.ledger}/" in scene.log.read_text()
