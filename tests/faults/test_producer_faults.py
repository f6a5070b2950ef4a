"""F1 to F11: the producer is killed, its spool damaged and full, and Kafka out of reach."""

from __future__ import annotations

import json
import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from iot_platform.broker.ports import free_port
from iot_platform.lifecycle import Stop
from iot_platform.settings import KafkaSettings, ProducerSettings, StreamSettings
from iot_platform.stream.clients import Clients
from iot_platform.stream.producer import ProducerResult
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import SourceAccount, Spool, read_accounts
from iot_platform.stream.topics import ensure_topics
from tests.faults.conftest import Case, MakeScene
from tests.faults.given import Given, padded
from tests.faults.scene import Scene
from tests.faults.victim import Victim
from tests.support.proxy import PRODUCE
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

IMPATIENT = ProducerSettings(delivery_timeout_seconds=1, retries=1, backoff_seconds=0.1, backoff_max_seconds=0.2)
PATIENT = ProducerSettings(delivery_timeout_seconds=120)
RATE = 500.0
"""Readings a second while the broker is broken."""


def account(scene: Scene) -> SourceAccount:
    there = read_accounts(scene.settings.spool_dir, scene.stream) if scene.settings.spool_dir.exists() else []
    return there[0] if there else SourceAccount("", 0, 0, 0, 0, 0)


def heartbeat(scene: Scene) -> dict[str, Any]:
    path = scene.settings.heartbeat_dir / f"producer-{scene.stream}.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document


def sends_again(scene: Scene) -> int:
    """Raw records beyond the first of each."""
    raw = scene.evidence().raw
    return len(raw) - len({(kept.key, kept.value) for kept in raw})


def killed_at(scene: Scene, point: str) -> None:
    command, environment = scene.producer()
    scene.dies(*command, **environment, IOT_FAULTPOINT=f"{point}:kill:3")


@pytest.mark.parametrize("point", ["producer.before_spool", "spool.before_commit"])
def test_f1_what_was_not_durable_may_be_missing_and_what_was_told_durable_is_there(
    scene: Scene, case: Case, point: str
) -> None:
    killed_at(scene, point)
    assert account(scene).born > 0
    scene.send(200)
    case.holds(scene)


def test_f1_a_commit_of_the_spool_waits_for_the_disk(tmp_path: Path, case: Case) -> None:
    """A kill loses nothing that the system still holds for the disk: only a power cut would, so we ask SQLite."""
    with closing(Spool(tmp_path / "iot_data-fleet.sqlite", 10**9)) as spool:
        assert spool._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert spool._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    case.note()


def test_f2_what_was_durable_and_not_sent_is_sent_by_the_next_start(scene: Scene, case: Case) -> None:
    killed_at(scene, "producer.after_spool")
    assert account(scene).spooled
    scene.send(200)
    case.holds(scene)


def test_f3_what_kafka_had_and_the_spool_did_not_know_comes_twice_and_counts_once(scene: Scene, case: Case) -> None:
    killed_at(scene, "producer.after_ack")
    scene.send(200)
    case.holds(scene)
    assert sends_again(scene) > 0


FRAME_HEADER_BYTES = 24
"""SQLite's, before each page of its log."""


def test_f4_a_record_torn_at_any_byte_costs_itself_alone(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "iot_data-torn.sqlite"
    batches = [[Reading(b"k", b"%d" % (10 * number + one), 1) for one in range(10)] for number in range(3)]
    with closing(Spool(path, 10**9)) as spool:
        log = path.with_name(f"{path.name}-wal")
        for batch in batches:
            before = log.stat().st_size
            spool.append(batch, {})
        whole = log.read_bytes()
        shutil.copy(path, tmp_path / "at_rest")
    frames = [at for at in range(before, len(whole)) if whole[at : at + 4] != b"" and _begins_a_frame(at, whole)]
    cuts = {at + byte for at in frames for byte in range(FRAME_HEADER_BYTES)} | set(range(before, len(whole), 4_999))
    for cut in sorted(cuts - {len(whole)}):
        shutil.copy(tmp_path / "at_rest", path)
        log.write_bytes(whole[:cut])
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        with closing(Spool(path, 10**9)) as spool:
            spool.append(batches[2], {})
            assert [list(batch.readings) for batch in _content(spool)] == batches, f"cut at {cut}"
    case.note()


def _begins_a_frame(at: int, whole: bytes) -> bool:
    page_bytes = int.from_bytes(whole[8:12], "big")
    return (at - 32) % (page_bytes + FRAME_HEADER_BYTES) == 0


def _content(spool: Spool) -> Iterator[Any]:
    last = 0
    while batch := spool.after(last):
        last = batch.id
        yield batch


def nowhere(producer: ProducerSettings = IMPATIENT) -> dict[str, Any]:
    """Settings of a producer whose Kafka is away."""
    return {"kafka": KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"), "producer": producer}


def test_f5_a_flipped_bit_sets_its_batch_aside_counted_and_the_rest_arrives(scene: Scene, case: Case) -> None:
    small = IMPATIENT.model_copy(update={"batch_readings": 50})
    assert scene.send(400, scene.with_settings(**nowhere(small))).kafka_away
    with closing(sqlite3.connect(scene.settings.spool_dir / f"{scene.stream}-fleet.sqlite")) as connection:
        frames, readings = connection.execute("SELECT frames, readings FROM batches WHERE id = 2").fetchone()
        flipped = bytes([*frames[:100], frames[100] ^ 4, *frames[101:]])
        connection.execute("UPDATE batches SET frames = ? WHERE id = 2", (flipped,))
        connection.commit()
    result = scene.send(50)
    assert (result.quarantined, result.spooled) == (readings, 0)
    case.holds(scene)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file of the processes that are started meanwhile grows beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def free_the_disk(process: Popen[bytes]) -> None:
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def is_full(scene: Scene, process: Popen[bytes]) -> bool:
    beat = heartbeat(scene)
    return bool(beat.get("pid") == process.pid and beat.get("spool_full"))


def test_f6_a_full_disk_refuses_whole_batches_and_the_producer_goes_on_when_it_is_freed(
    scene: Scene, case: Case
) -> None:
    command, environment = scene.producer(IOT_FLEET__RATE="500")
    with scene.process(*command, **environment) as process:
        eventually(lambda: account(scene).acknowledged > 100, 60, "some deliveries")
        log = next(scene.settings.spool_dir.glob("*-wal"))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY))
        eventually(lambda: heartbeat(scene).get("spool_full", False), 60, "a full disk, told")
        free_the_disk(process)
        before = account(scene).acknowledged
        eventually(lambda: account(scene).acknowledged > before + 100, 60, "deliveries again")
        process.terminate()
        assert process.wait(60) == 0
    # Full from the start: of small batches, the log of the spool (in pages of 32 kB) grows faster than the list.
    small = {**environment, "IOT_PRODUCER__BATCH_READINGS": "20"}
    with files_of_at_most(scene.sent_list.stat().st_size + 100_000):
        running = scene.process(*command, **small)
        process = running.__enter__()
    try:
        eventually(lambda: is_full(scene, process), 60, "a full disk, told at the start")
        before = account(scene).born
        free_the_disk(process)
        eventually(lambda: account(scene).born > before + 100, 60, "births again")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        running.__exit__(None, None, None)
    scene.send(50, scene.with_settings(fleet=scene.settings.fleet.model_copy(update={"rate": 500.0})))
    case.holds(scene)


class Sending:
    """The fleet through the producer, in a thread of its own, until the end of the block."""

    def __init__(self, scene: Scene, producer: ProducerSettings) -> None:
        self._stop = Stop()
        self._results: list[ProducerResult] = []
        fleet = scene.settings.fleet.model_copy(update={"rate": RATE})
        settings = scene.with_settings(producer=producer, fleet=fleet)
        self._thread = threading.Thread(
            target=lambda: self._results.append(scene.send(10**9, settings, self._stop)), name="sending"
        )

    def __enter__(self) -> Sending:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.request()
        self._thread.join(60)

    @property
    def result(self) -> ProducerResult:
        return self._results[0]


@pytest.mark.long
def test_f7_kafka_away_ten_times_longer_than_an_attempt_loses_and_reorders_nothing(
    frail: Scene, victim: Victim, case: Case
) -> None:
    with Sending(frail, IMPATIENT) as sending:
        eventually(lambda: account(frail).acknowledged > 500, 60, "some deliveries")
        victim.kill()
        until = time.monotonic() + 10 * IMPATIENT.delivery_timeout_seconds
        eventually(lambda: heartbeat(frail)["phase"] == "away" and time.monotonic() > until, 60, "a long absence")
        victim.start()
        eventually(lambda: heartbeat(frail)["spooled"] < 200, 90, "the spool drains")
    assert sending.result.spooled == 0
    assert heartbeat(frail)["incidents"][0]["outcome"].startswith("delivered after")
    case.holds(frail)


@pytest.mark.long
def test_f8_a_broker_killed_with_sends_in_flight_loses_and_doubles_nothing(
    frail: Scene, victim: Victim, case: Case
) -> None:
    with Sending(frail, PATIENT) as sending:
        eventually(lambda: account(frail).acknowledged > 500, 60, "some deliveries")
        victim.kill()
        eventually(lambda: heartbeat(frail)["in_flight"] > 200, 60, "sends in flight")
        victim.start()
        eventually(lambda: heartbeat(frail)["spooled"] < 200, 90, "the spool drains")
    assert sending.result.spooled == 0
    case.holds(frail)
    # Idempotence: within one producer's life nothing reaches the topic twice.
    assert len(frail.evidence().raw) == sending.result.born


@pytest.mark.long
def test_f9_an_attempt_whose_outcome_is_unknown_is_made_again_and_counts_once(
    frail: Scene, victim: Victim, case: Case
) -> None:
    with Sending(frail, IMPATIENT) as sending:
        for _ in range(3):
            before = account(frail).acknowledged
            eventually(lambda: account(frail).acknowledged > before + 300, 90, "some deliveries")  # noqa: B023
            victim.sleep()
            eventually(lambda: heartbeat(frail)["failed_attempts"] > 0, 60, "an attempt that failed")
            victim.wake()
        eventually(lambda: heartbeat(frail)["spooled"] < 200, 90, "the spool drains")
    assert sending.result.spooled == 0
    case.holds(frail)


def test_f10_what_is_too_large_for_the_client_or_the_topic_is_refused_alone_and_counted(
    make_scene: MakeScene, case: Case
) -> None:
    scene = make_scene()
    tiny = scene.with_settings(streams={scene.stream: StreamSettings(max_message_bytes=1_000)})
    ensure_topics(Clients(tiny), tiny, scene.stream)
    result = scene.give(Given(padded([10, 200_000, 20, 1_000_000, 30])))
    assert (result.acknowledged, result.refused, result.spooled) == (3, 2, 0)
    assert account(scene).refused_by_reason == {"too_large": 1, "MSG_SIZE_TOO_LARGE": 1}
    case.holds(scene)


@pytest.mark.long
def test_f11_when_the_acknowledgement_is_lost_the_broker_drops_the_repeat(
    frail: Scene, victim: Victim, case: Case
) -> None:
    def deafen(link: Any) -> None:
        link.loses_answers = True

    deaf = victim.proxy.at_request(PRODUCE, deafen)
    with Sending(frail, PATIENT) as sending:
        assert deaf.wait(60)
        eventually(
            lambda: sum(span.high for span in frail.spans(frail.topology.raw).values()) > 0, 60, "records in the log"
        )
        assert account(frail).acknowledged == 0
        victim.proxy.heal()
        eventually(lambda: account(frail).acknowledged > 500, 60, "deliveries")
    case.holds(frail)
    assert len(frail.evidence().raw) == sending.result.born
