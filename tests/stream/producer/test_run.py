"""The producer on a real Kafka: through kills and outages nothing accepted is lost, and order per sensor holds."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iot_platform.broker.ports import free_port
from iot_platform.clock import SystemClock, unix_millis
from iot_platform.contract.topology import Topology
from iot_platform.errors import AlreadyRunningError, SettingsError
from iot_platform.lifecycle import Bounds, Stop
from iot_platform.settings import KafkaSettings, ProducerSettings, Settings, load_settings
from iot_platform.stream import clients as clients_module
from iot_platform.stream.clients import Clients
from iot_platform.stream.producer import run_producer
from iot_platform.stream.producer.factory import producer_factory
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import SourceAccount, read_accounts
from iot_platform.stream.topics import ensure_topics
from tests.support.fleet_producer import fleet_settings, journal_path, run_fleet
from tests.support.given import Given
from tests.support.raw_topic import JournalOfGiven, assert_nothing_lost_and_in_order, read_topic
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

QUICK = ProducerSettings(delivery_timeout_seconds=1, retries=1, backoff_seconds=0.1, backoff_max_seconds=0.2)


def account(settings: Settings, stream: str) -> SourceAccount:
    (only,) = read_accounts(settings.spool_dir, stream)
    assert only.born == only.acknowledged + only.spooled + only.refused + only.quarantined
    return only


def heartbeat(settings: Settings, stream: str) -> dict[str, Any]:
    path = settings.heartbeat_dir / f"producer-{stream}.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document


def raw(settings: Settings) -> list[Any]:
    return read_topic(settings, Topology(settings.fleet.stream).raw)


@pytest.fixture
def fleet(settings: Settings, stream_name: str, tmp_path: Path) -> Settings:
    """The fleet at 2,000 readings a second into a stream whose topics exist."""
    made = fleet_settings(tmp_path / "state", settings.bootstrap_servers, stream_name, 2_000)
    ensure_topics(Clients(made), made, stream_name)
    return made


def elsewhere(settings: Settings, servers: str, producer: ProducerSettings) -> Settings:
    return settings.model_copy(update={"kafka": KafkaSettings(bootstrap_servers=servers), "producer": producer})


def test_every_reading_arrives_once_with_its_key_and_time(fleet: Settings, stream_name: str) -> None:
    result = run_fleet(fleet, Bounds(count=5_000))
    assert (result.born, result.acknowledged, result.spooled) == (5_000, 5_000, 0)
    messages = raw(fleet)
    assert len(messages) == 5_000
    assert_nothing_lost_and_in_order(messages, JournalOfGiven(journal_path(fleet)))
    now_ms = unix_millis(SystemClock().now())
    assert all(now_ms - 60_000 < message.timestamp()[1] <= now_ms for message in messages)
    ends = {message.partition(): message.offset() for message in messages}
    assert account(fleet, stream_name).acknowledged_offsets == ends


def test_time_stamp_key_and_null_go_as_the_source_gave_them(settings: Settings, stream_name: str) -> None:
    ensure_topics(Clients(settings), settings, stream_name)
    given = [Reading(b"k", b"v", 1_700_000_000_123), Reading(None, None, 5), Reading(b"", b"", 6)]
    run_producer(settings, Given(given), stream_name, stop=Stop())
    got = {(m.key(), m.value(), m.timestamp()[1]) for m in read_topic(settings, Topology(stream_name).raw)}
    assert got == {(b"k", b"v", 1_700_000_000_123), (None, None, 5), (b"", b"", 6)}


def test_a_slot_runs_once(fleet: Settings, stream_name: str) -> None:
    stop = Stop()
    running = threading.Thread(target=run_fleet, args=(fleet, None, stop))
    running.start()
    eventually(lambda: bool(heartbeat(fleet, stream_name)), what="the first heartbeat")
    with pytest.raises(AlreadyRunningError, match=str(os.getpid())):
        run_fleet(fleet, Bounds(count=1))
    stop.request()
    running.join(30)
    assert account(fleet, stream_name).spooled == 0


def test_without_kafka_readings_wait_in_the_spool_and_go_first_when_it_is_there(
    fleet: Settings, stream_name: str
) -> None:
    nowhere = elsewhere(fleet, f"127.0.0.1:{free_port()}", QUICK)
    result = run_fleet(nowhere, Bounds(count=1_000))
    assert result.kafka_away
    assert (result.born, result.spooled) == (1_000, 1_000)
    beat = heartbeat(fleet, stream_name)
    assert beat["phase"] == "away"
    assert beat["incidents"][0]["outcome"].startswith("away")
    assert len(beat["incidents"][0]["attempts"]) == 2
    assert beat["kafka_error"]
    result = run_fleet(fleet, Bounds(count=1_000))
    assert (result.born, result.acknowledged, result.spooled) == (1_000, 2_000, 0)
    assert_nothing_lost_and_in_order(raw(fleet), JournalOfGiven(journal_path(fleet)))


def test_a_stop_is_quick_while_kafka_is_away_and_keeps_what_waits(fleet: Settings, stream_name: str) -> None:
    nowhere = elsewhere(fleet, f"127.0.0.1:{free_port()}", ProducerSettings())
    stop, results = Stop(), []
    running = threading.Thread(target=lambda: results.append(run_fleet(nowhere, stop=stop)))
    running.start()
    eventually(lambda: heartbeat(fleet, stream_name).get("spooled", 0) > 500, what="a spool of 500")
    stop.request()
    running.join(15)
    assert results[0].spooled == results[0].born == account(fleet, stream_name).spooled


def test_a_full_spool_holds_a_source_back_that_can_wait(settings: Settings, stream_name: str) -> None:
    ensure_topics(Clients(settings), settings, stream_name)
    given = [Reading(b"k", b"%d" % n + b" " * 10_000, 1) for n in range(500)]
    tight = QUICK.model_copy(update={"spool_max_bytes": 1_048_576, "batch_readings": 10})
    nowhere = elsewhere(settings, f"127.0.0.1:{free_port()}", tight)
    stop = Stop()
    running = threading.Thread(target=run_producer, args=(nowhere, Given(given), stream_name), kwargs={"stop": stop})
    running.start()
    eventually(lambda: heartbeat(settings, f"{stream_name}-given").get("spool_full", False), what="a full spool")
    stop.request()
    running.join(30)
    waiting = account(settings, stream_name)
    assert waiting.refused == 0
    assert 0 < waiting.spooled_bytes <= 1_048_576
    result = run_producer(settings, Given(given), stream_name, stop=Stop())
    assert (waiting.born + result.born, result.acknowledged) == (500, 500)
    values = [int((m.value() or b"").strip()) for m in read_topic(settings, Topology(stream_name).raw)]
    assert values == list(range(500))


def test_a_source_that_cannot_wait_loses_nothing_silently(settings: Settings, stream_name: str) -> None:
    ensure_topics(Clients(settings), settings, stream_name)
    given = [Reading(b"k", b"%d" % n + b" " * 10_000, 1) for n in range(500)]
    tight = QUICK.model_copy(update={"spool_max_bytes": 1_048_576, "batch_readings": 10})
    nowhere = elsewhere(settings, f"127.0.0.1:{free_port()}", tight)
    result = run_producer(nowhere, Given(given, can_wait=False), stream_name, stop=Stop())
    assert result.born == 500
    assert result.refused == 500 - result.spooled > 0
    assert account(settings, stream_name).refused_by_reason == {"spool_full": result.refused}


class Subprocess:
    """The fleet's producer as a process, started and killed again and again."""

    def __init__(self, settings: Settings, producer: ProducerSettings | None = None) -> None:
        options = (producer or settings.producer).model_dump_json()
        self._command = [
            *(sys.executable, "-m", "tests.support.fleet_producer", str(settings.state_dir)),
            *(settings.bootstrap_servers, settings.fleet.stream, str(settings.fleet.rate), options),
        ]

    def __enter__(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(self._command, cwd=Path(__file__).parents[3], stderr=subprocess.DEVNULL)
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def test_kill_9_at_random_points_loses_nothing_that_was_accepted(
    fleet: Settings, stream_name: str, record_property: Callable[[str, object], None]
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    record_property("seed", seed)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(8):
        born_before = account(fleet, stream_name).born if fleet.spool_dir.exists() else 0
        goal = born_before + chance.randrange(1, 3_000)

        def has_run(goal: int = goal) -> bool:
            return (
                fleet.spool_dir.exists()
                and bool(found := read_accounts(fleet.spool_dir, stream_name))
                and found[0].born >= goal
            )

        with Subprocess(fleet) as process:
            eventually(has_run, what="some readings")
            process.send_signal(signal.SIGKILL)
    result = run_fleet(fleet, Bounds(count=100))
    assert result.spooled == 0
    assert_nothing_lost_and_in_order(raw(fleet), JournalOfGiven(journal_path(fleet)))
    assert account(fleet, stream_name).born >= 8


def test_kill_9_with_a_full_spool_loses_nothing(fleet: Settings, stream_name: str) -> None:
    tight = QUICK.model_copy(update={"spool_max_bytes": 1_048_576})
    nowhere = elsewhere(fleet, f"127.0.0.1:{free_port()}", tight)
    for _ in range(3):
        with Subprocess(nowhere, tight):
            eventually(lambda: heartbeat(fleet, stream_name).get("spool_full", False), what="a full spool")
        (fleet.heartbeat_dir / f"producer-{stream_name}.json").unlink()
    waiting = account(fleet, stream_name)
    assert waiting.spooled == waiting.born > 3_000
    result = run_fleet(fleet, Bounds(count=50))
    assert (result.spooled, result.acknowledged) == (0, waiting.spooled + 50)
    assert_nothing_lost_and_in_order(raw(fleet), JournalOfGiven(journal_path(fleet)))


def test_sigterm_ends_a_producer_with_an_empty_spool(fleet: Settings, stream_name: str) -> None:
    with Subprocess(fleet) as process:
        eventually(lambda: heartbeat(fleet, stream_name).get("acknowledged", 0) > 100, what="some deliveries")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert account(fleet, stream_name).spooled == 0
    assert_nothing_lost_and_in_order(raw(fleet), JournalOfGiven(journal_path(fleet)))


WEAKER = [
    {"enable.idempotence": "false"},
    {"acks": "1"},
    {"request.required.acks": "0"},
    {"max.in.flight": "6"},
    {"max.in.flight.requests.per.connection": "1000000"},
    {"partitioner": "random"},
    {"message.timeout.ms": "1000"},
    {"retries": "0"},
]


@pytest.mark.parametrize("properties", WEAKER, ids=lambda properties: next(iter(properties)))
def test_the_promise_cannot_be_weakened_by_configuration(properties: dict[str, str]) -> None:
    weakened = load_settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1", properties=properties))
    with pytest.raises(SettingsError, match=next(iter(properties))):
        Clients(weakened)


def test_the_producer_is_idempotent_and_waits_for_all(
    settings: Settings, stream_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, object]] = []
    monkeypatch.setattr(clients_module, "Producer", lambda properties, **_: made.append(properties))
    producer_factory(settings, stream_name)({"acks": "1", "enable.idempotence": False})
    assert made[0]["enable.idempotence"] is True
    assert made[0]["acks"] == "all"
    assert made[0]["max.in.flight.requests.per.connection"] == 5
    assert made[0]["message.timeout.ms"] == 0
