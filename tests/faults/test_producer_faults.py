"""F1 to F3, F5, F7 to F11: the producer is killed, its spool damaged, and Kafka out of reach."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from iot_platform.broker.ports import free_port
from iot_platform.lifecycle import Stop
from iot_platform.settings import KafkaSettings, ProducerSettings, StreamSettings
from iot_platform.stream.clients import Clients
from iot_platform.stream.producer import ProducerResult
from iot_platform.stream.spool import Spool
from iot_platform.stream.topics import ensure_topics
from tests.faults.conftest import Case, MakeScene
from tests.faults.producing import account, heartbeat
from tests.faults.scene import Scene
from tests.faults.victim import Victim
from tests.support.given import Given, padded
from tests.support.proxy import PRODUCE
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

IMPATIENT = ProducerSettings(delivery_timeout_seconds=1, retries=1, backoff_seconds=0.1, backoff_max_seconds=0.2)
PATIENT = ProducerSettings(delivery_timeout_seconds=120)
RATE = 500.0
"""Readings a second while the broker is broken."""


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
