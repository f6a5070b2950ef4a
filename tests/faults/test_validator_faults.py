"""F12 to F18, F24, F25: the validator is killed, put to sleep, fenced, cut off and contradicted."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import Popen
from typing import Any

import pytest

from iot_platform.contract import dead_letter
from iot_platform.contract.reasons import Code
from tests.faults.conftest import Case, MakeScene
from tests.faults.scene import KILLED, Scene, at_once, processes
from tests.faults.victim import Victim
from tests.faults.watcher import Watcher
from tests.support.given import Given, many, reading
from tests.support.processes import has_stopped
from tests.support.proxy import END_TXN
from tests.support.topics import read_all, send
from tests.support.waiting import eventually

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
HEIR_SECONDS = 45.0
SHORT = {"IOT_VALIDATOR__TRANSACTION_TIMEOUT_SECONDS": "5"}


def sleeping(process: Popen[bytes]) -> None:
    eventually(lambda: has_stopped(process), 90, "a validator that sleeps")


def wake(process: Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGCONT)


def end(*validators: Popen[bytes]) -> None:
    for validator in validators:
        validator.terminate()
    for validator in validators:
        assert validator.wait(60) == 0


def test_f12_a_commit_whose_answer_is_lost_is_neither_lost_nor_torn(frail: Scene, victim: Victim, case: Case) -> None:
    def deafen(link: Any) -> None:
        link.loses_answers = True

    frail.send(300)
    with (
        Watcher(frail.settings, frail.topology) as watcher,
        frail.process(*frail.validator(), **SMALL) as validator,
    ):
        eventually(lambda: len(watcher.seen) > 0, 90, "a first transaction")
        frail.send(100)
        deaf = victim.proxy.at_request(END_TXN, deafen)
        frail.send(100)
        assert deaf.wait(60)
        victim.proxy.heal()
        frail.send(100)
        frail.await_covered()
        end(validator)
    case.holds(frail, watcher)


@pytest.mark.long
def test_f12_a_late_commit_that_hits_the_next_transaction_tears_nothing_from_its_offsets(
    frail: Scene, victim: Victim, case: Case
) -> None:
    """The request is held up, its connection dies, it is sent anew; the old one arrives in the next transaction."""
    late: list[Any] = []

    def hold_up(link: Any) -> None:
        link.holds_requests = True
        late.append(link)

    held_up = victim.proxy.at_request(END_TXN, hold_up)
    frail.send(300)
    with (
        Watcher(frail.settings, frail.topology) as watcher,
        frail.process(*frail.validator(), **SMALL, IOT_FAULTPOINT="validator.after_flush:stop:2") as validator,
    ):
        assert held_up.wait(90)
        late[0].cut_client()
        sleeping(validator)
        victim.proxy.heal()  # the old request reaches the broker between the records and the offsets of the next
        eventually(frail.is_quiet, 60, "the late commit")
        wake(validator)
        frail.await_covered()
        end(validator)
    case.holds(frail, watcher)


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
        for scene, process in zip(scenes.values(), victims, strict=True):
            assert process.wait(90) == KILLED, scene.log.read_text()
    at_once(*(lambda scene=scene: case.holds(scene) for scene in scenes.values()))


@pytest.mark.long
def test_f13_a_kill_inside_a_commit_loses_and_doubles_nothing(frail: Scene, victim: Victim, case: Case) -> None:
    """The broker sleeps when it is asked to commit, and does so when the validator is dead."""
    frail.send(300)
    fault = {"IOT_FAULTPOINT": "validator.after_send_offsets:stop:2", **SMALL}
    with frail.process(*frail.validator(), **fault) as process:
        sleeping(process)
        asked = victim.proxy.at_request(END_TXN, lambda _link: None)
        victim.sleep()
        wake(process)
        assert asked.wait(60)
        process.kill()
        assert process.wait(30) == KILLED
    victim.wake()
    case.holds(frail)


@dataclass(frozen=True)
class Pair:
    sleeper: Popen[bytes]
    heir: Popen[bytes]


@contextmanager
def taken_over(scene: Scene, point: str) -> Iterator[Pair]:
    """One validator sleeps at `point`, another takes all its partitions over; then the first wakes up."""
    fault = {"IOT_FAULTPOINT": f"validator.{point}:stop:2", **SMALL, **SHORT}
    with scene.process(*scene.validator(), **fault) as sleeper:
        sleeping(sleeper)
        with scene.process(*scene.validator(1), **SMALL, **SHORT) as heir:
            scene.await_covered()
            wake(sleeper)
            scene.send(200)
            scene.await_covered()
            yield Pair(sleeper, heir)
            end(sleeper, heir)


@pytest.mark.long
def test_f14_a_validator_that_slept_past_its_session_before_it_sent_offsets_writes_nothing(
    scene: Scene, case: Case
) -> None:
    scene.send(300)
    with Watcher(scene.settings, scene.topology) as watcher, taken_over(scene, "after_flush"):
        pass
    case.holds(scene, watcher)


@pytest.mark.long
def test_f15_a_validator_that_slept_after_it_sent_offsets_doubles_nothing(scene: Scene, case: Case) -> None:
    """The heir has its partitions, and may not begin before Kafka knows how the sleeper's transaction ends."""
    scene.send(300)
    patient = {"IOT_VALIDATOR__TRANSACTION_TIMEOUT_SECONDS": "90", **SMALL}
    fault = {"IOT_FAULTPOINT": "validator.after_send_offsets:stop:2", **patient}
    with Watcher(scene.settings, scene.topology) as watcher, scene.process(*scene.validator(), **fault) as sleeper:
        sleeping(sleeper)
        written = ledger_end(scene)
        with scene.process(*scene.validator(1), **patient) as heir:
            # The sleeper's session ends after 6 s, its transaction much later: time for an heir that is too quick.
            pause, until = threading.Event(), time.monotonic() + HEIR_SECONDS
            while ledger_end(scene) == written and time.monotonic() < until:
                pause.wait(0.2)
            wake(sleeper)
            scene.await_covered()
            end(sleeper, heir)
    case.holds(scene, watcher)


def ledger_end(scene: Scene) -> int:
    """What is written, committed or not."""
    return sum(span.high for span in scene.spans(scene.topology.ledger).values())


@pytest.mark.long
def test_f16_a_validator_that_slept_longer_than_its_transaction_starts_anew(scene: Scene, case: Case) -> None:
    scene.send(300)
    fault = {"IOT_FAULTPOINT": "validator.after_flush:stop:2", **SMALL, **SHORT}
    with Watcher(scene.settings, scene.topology) as watcher, scene.process(*scene.validator(), **fault) as validator:
        sleeping(validator)
        eventually(scene.is_quiet, 60, "the end of the transaction, by Kafka")
        wake(validator)
        scene.await_covered()
        end(validator)
    assert "session lost" in scene.log.read_text()
    case.holds(scene, watcher)


@pytest.mark.long
def test_f17_of_two_validators_under_one_slot_only_one_writes_at_a_time(scene: Scene, case: Case) -> None:
    """On two machines, so that no lease keeps them apart."""
    scene.send(300)
    elsewhere = {"IOT_STATE_DIR": f"{scene.settings.state_dir}-elsewhere", **SMALL}
    with (
        Watcher(scene.settings, scene.topology) as watcher,
        scene.process(*scene.validator(), **SMALL) as one,
        scene.process(*scene.validator(), **elsewhere) as other,
    ):
        for _ in range(5):
            scene.send(100)
            scene.await_covered()
        assert (one.poll(), other.poll()) == (None, None)
        end(one, other)
    assert "session lost" in scene.log.read_text()
    case.holds(scene, watcher)


def test_f18_a_broker_killed_in_the_middle_of_a_transaction_loses_and_doubles_nothing(
    frail: Scene, victim: Victim, case: Case
) -> None:
    frail.send(300)
    fault = {"IOT_FAULTPOINT": "validator.after_flush:stop:2", **SMALL}
    with (
        Watcher(frail.settings, frail.topology) as watcher,
        frail.process(*frail.validator(), **fault) as validator,
    ):
        sleeping(validator)
        victim.kill()
        wake(validator)
        victim.start()
        frail.await_covered()
        end(validator)
    case.holds(frail, watcher)


def test_f24_a_repeat_of_what_waits_in_an_open_transaction_is_valid_once(scene: Scene, case: Case) -> None:
    """Open when the repeats come, aborted by the next start; and the first and its repeat are in one batch then."""
    scene.send(200)
    scene.dies(*scene.validator(), IOT_FAULTPOINT="validator.after_flush:kill:1")
    again = [{"key": kept.key, "value": kept.value} for kept in read_all(scene.settings, scene.topology.raw)]
    send(scene.settings, scene.topology.raw, again)
    case.holds(scene)


def test_f25_another_payload_under_a_known_id_is_a_dead_letter_and_the_first_stays(scene: Scene, case: Case) -> None:
    firsts = many(20)
    others = [reading(first.value[:-1] + b',"x":1}', first.key, "dead") for first in firsts if first.value]
    scene.give(Given([*firsts, *others[:10]]))
    scene.validate()
    scene.give(Given(others[10:], "later"))
    case.holds(scene)
    dead = read_all(scene.settings, scene.topology.dead_letters)
    codes = [reason.code for kept in dead for reason in dead_letter.from_headers(kept.headers).reasons]
    assert codes == [Code.CONFLICT] * 20
