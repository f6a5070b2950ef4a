"""Several producers share a fleet: 1, then 3, then 1 again; killed and cut off meanwhile. Nothing is lost, no sensor's
readings overtake each other, and what a dead producer has spooled is delivered by a living one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from iot_platform.broker.node import LocalBroker
from iot_platform.clock import SystemClock
from iot_platform.lifecycle import Bounds, Limit, Stop, is_held
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.load import load_once
from iot_platform.settings import FleetSettings, KafkaSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.places import fleet_name, producer_lease
from iot_platform.stream.spool import SourceAccount, read_accounts
from iot_platform.stream.topics import ensure_topics
from iot_platform.stream.validator import Validator
from tests.support.processes import running
from tests.support.raw_topic import JournalOfGiven, digest, read_topic
from tests.support.waiting import eventually

STREAM = "iot_data"
SENSORS = 20  # too few for troublemakers: each reading is sound, and its sensor's times grow
PATIENCE_SECONDS = 120.0
ENOUGH = 200


class Producers:
    """The fleet's producers as processes on a broker that the test stops and starts."""

    def __init__(self, broker: LocalBroker, directory: Path) -> None:
        self.broker = broker
        self.directory = directory
        self.settings: Settings = load_settings(
            instance="several",
            state_dir=directory / "state",
            kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers),
            streams={STREAM: StreamSettings()},
            fleet=FleetSettings(sensors=SENSORS, rate=400),
        )
        ensure_topics(Clients(self.settings), self.settings, STREAM)

    @contextmanager
    def of(self, producers: int, slot: int) -> Iterator[subprocess.Popen[bytes]]:
        environment = {
            "IOT_FLEET__SENSORS": str(SENSORS),
            "IOT_FLEET__RATE": "400",
            "IOT_FLEET__PRODUCERS": str(producers),
            "IOT_FLEET__JOURNAL": str(self.directory / "journal.ndjson"),
            "IOT_PRODUCER__DELIVERY_TIMEOUT_SECONDS": "2",
            "IOT_PRODUCER__RETRIES": "1",
            "IOT_PRODUCER__TAKEOVER_SECONDS": "1",
        }
        arguments = ("produce", "--source", "fleet", "--slot", str(slot))
        log = self.directory / f"producer-{slot}.log"
        with running(self.settings, *arguments, log=log, **environment) as process:
            yield process

    def account(self, slot: int) -> SourceAccount:
        found = {one.name: one for one in read_accounts(self.settings.spool_dir, STREAM)}
        return found.get(fleet_name(slot), SourceAccount(fleet_name(slot), 0, 0, 0, 0, 0))

    def is_alive(self, slot: int) -> bool:
        return is_held(producer_lease(self.settings, STREAM, fleet_name(slot)))

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        eventually(condition, PATIENCE_SECONDS, what)

    def wait_for_births(self, slot: int) -> None:
        before = self.account(slot).born
        self.wait_until(lambda: self.account(slot).born > before + ENOUGH, f"births in slot {slot}")

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)

    def journals(self) -> list[Path]:
        return [self.directory / name for name in ("journal.ndjson", "journal-1.ndjson", "journal-2.ndjson")]


def assert_nothing_lost_and_each_sensor_in_order(producers: Producers) -> None:
    journals = [JournalOfGiven(path) for path in producers.journals()]
    accepted = set().union(*(journal.accepted for journal in journals))
    given = set().union(*(journal.given for journal in journals))
    times: dict[bytes | None, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for message in read_topic(producers.settings, f"raw_{STREAM}"):
        if digest(message) not in seen:
            seen.add(digest(message))
            times[message.key()].append(json.loads(message.value() or b"")["generated_at"])
    assert len(accepted) > 6 * ENOUGH
    assert accepted <= seen, f"{len(accepted - seen)} of {len(accepted)} accepted readings are lost"
    assert seen <= given
    assert len(times) == SENSORS
    for sensor, arrived in times.items():
        assert arrived == sorted(arrived), f"readings of {sensor!r} overtook each other"


def assert_all_accounted_for(producers: Producers) -> None:
    settings = producers.settings
    limit = Limit(Bounds(until_caught_up=True, seconds=PATIENCE_SECONDS), SystemClock())
    Validator(settings, STREAM, 0, SystemClock()).run(Stop(), limit, lambda: None)
    load_once(settings, Clients(settings), SystemClock())
    document = audit(settings, STREAM, SystemClock()).as_document()
    assert (document["unaccounted"], document["findings"], document["in_flight"]) == (0, [], 0)
    assert set(document["sources"]) == {"fleet", "fleet-1", "fleet-2"}
    assert all(counts["spooled"] == 0 for counts in document["sources"].values())


@pytest.mark.long
@pytest.mark.timeout(900)
def test_1_then_3_then_1_producers_lose_nothing_and_keep_each_sensor_s_order(
    new_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = new_broker()
    fleet = Producers(broker, tmp_path)
    with fleet.of(1, 0) as only:
        fleet.wait_until(lambda: fleet.account(0).acknowledged > ENOUGH, "deliveries of the only producer")
        broker.kill()
        fleet.wait_for_births(0)  # into the spool
        fleet.stop(only)
    with ExitStack() as stack:
        first, second, third = (stack.enter_context(fleet.of(3, slot)) for slot in range(3))
        for slot in range(3):
            fleet.wait_for_births(slot)
        second.kill()
        second.wait(30)
        assert fleet.account(1).spooled > ENOUGH
        broker.start()
        fleet.wait_until(lambda: fleet.account(1).spooled == 0, "the dead producer's spool delivered by another")
        assert not fleet.is_alive(1)
        second = stack.enter_context(fleet.of(3, 1))
        fleet.wait_for_births(1)
        broker.kill()
        for slot in range(3):
            fleet.wait_for_births(slot)
        third.kill()
        third.wait(30)
        fleet.stop(second)
        fleet.stop(first)
    assert fleet.account(1).spooled > 0
    assert fleet.account(2).spooled > 0
    with fleet.of(1, 0) as only:
        fleet.wait_for_births(0)
        broker.start()
        fleet.wait_until(
            lambda: fleet.account(1).spooled == fleet.account(2).spooled == 0, "the spools of slots that are no more"
        )
        done = fleet.account(0).acknowledged
        fleet.wait_until(lambda: fleet.account(0).acknowledged > done + ENOUGH, "deliveries of the only producer")
        fleet.stop(only)
    assert fleet.account(0).spooled == 0
    assert_nothing_lost_and_each_sensor_in_order(fleet)
    assert_all_accounted_for(fleet)
