"""`iot-platform health` with real processes and a real broker: within 5 s of what happens to them it says so."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from iot_platform.broker.node import LocalBroker
from iot_platform.clock import SystemClock
from iot_platform.lifecycle import lease
from iot_platform.settings import DagsterSettings, KafkaSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from iot_platform.supervision.health import ProcessHealth, read_health
from iot_platform.supervision.slots import Desired, Role, Slot, change_desired
from tests.support.processes import command, environment, running
from tests.support.waiting import eventually

SOON_SECONDS = 5.0
NAMES = ["validator-iot_data-0", "producer-iot_data", "loader"]


def installation(broker: LocalBroker, directory: Path) -> Settings:
    settings = load_settings(
        instance="health",
        state_dir=directory / "state",
        kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers),
        streams={"iot_data": StreamSettings()},
        dagster=DagsterSettings(enabled=False),
    )
    ensure_topics(Clients(settings), settings, "iot_data")
    return settings


def health_of(settings: Settings, name: str) -> ProcessHealth:
    (one,) = read_health(settings, SystemClock(), name)
    return one


def seconds_until(condition: Callable[[], bool], timeout_seconds: float = 60) -> float:
    began = time.monotonic()
    eventually(condition, timeout_seconds)
    return time.monotonic() - began


def test_a_dead_broker_and_a_dead_producer_are_told_within_5_s_and_a_broker_that_is_back_as_well(
    new_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = new_broker()
    settings = installation(broker, tmp_path)
    more = {"IOT_DAGSTER__ENABLED": "false"}

    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command("health", *arguments),
            env=environment(settings, **more),
            capture_output=True,
            text=True,
            check=False,
        )

    def well(name: str) -> bool:
        return health_of(settings, name).healthy

    with (
        running(settings, "produce", "--source", "fleet", log=tmp_path / "producer.log", **more) as producer,
        running(settings, "validate", log=tmp_path / "validator.log", **more),
        running(settings, "load", log=tmp_path / "loader.log", **more),
    ):
        eventually(lambda: all(well(name) for name in NAMES), 120, "all well")
        eventually(lambda: "commit" in asked("validator-iot_data-0").stdout, 60, "a commit")
        said = asked()
        assert said.returncode == 0, said.stdout
        assert [line.partition(":")[0] for line in said.stdout.splitlines()] == NAMES

        broker.kill()
        assert seconds_until(lambda: not any(well(name) for name in NAMES)) < SOON_SECONDS
        said = asked("--json")
        assert said.returncode == 1
        for one in json.loads(said.stdout)["processes"]:
            assert one["alive"]
            assert one["kafka"]["reachable"] is False
            assert f"Kafka does not answer at {broker.bootstrap_servers}." in one["problems"]

        broker.start()
        eventually(lambda: all(well(name) for name in NAMES), 120, "all well again")

        producer.kill()
        producer.wait(30)
        assert seconds_until(lambda: not well("producer-iot_data")) < SOON_SECONDS
        dead = health_of(settings, "producer-iot_data")
        assert (dead.alive, dead.problems) == (False, ("It does not run.",))
        assert "iot-platform up" in dead.next_step


def test_a_process_whose_address_does_not_answer_is_alive_and_unwell(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path, dagster=DagsterSettings(enabled=False))
    settings.heartbeat_dir.mkdir()
    beat = {
        "pid": 1,
        "at": SystemClock().now().isoformat(),
        "health_url": "http://127.0.0.1:9/health",
        "transactions": 3,
    }
    (settings.heartbeat_dir / "loader.json").write_text(json.dumps(beat))
    with lease(settings.lease_dir / "loader.lock", "the loader"):
        one = health_of(settings, "loader")
    assert (one.alive, one.problems) == (True, ("Its address does not answer.",))


def test_what_a_person_stopped_is_off_and_not_unwell(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path)
    slot = Slot(Role.PRODUCER, "iot_data")
    change_desired(settings, lambda desired: Desired.hold(desired, slot, "stopped by hand", SystemClock().now()))
    one = health_of(settings, slot.name)
    assert (one.alive, one.healthy, one.off) == (False, True, "stopped by hand")
