"""The drill `broker-crash`: three brokers, one killed, a second killed, both back; what became of each reading."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from iot_platform.broker.node import LocalBroker
from iot_platform.contract.topology import Topology
from iot_platform.drills.drill import Drill, Outcome
from iot_platform.drills.installation import Installation, own_directory, own_installation, own_kafka
from iot_platform.drills.judgement import settle_and_judge
from iot_platform.settings import DagsterSettings, FleetSettings, Settings, StreamSettings
from iot_platform.stream.clients import Clients
from iot_platform.stream.flow import FlowWatch
from iot_platform.stream.spool import read_accounts
from iot_platform.stream.topics import leader_of
from iot_platform.supervision.plan import broker_program
from iot_platform.supervision.status import read_status
from iot_platform.supervision.supervisor import Supervisor

NAME = "broker-crash"
STREAM = "iot_data"

_BROKERS = 3
_START_SECONDS = 180.0
_TAKEOVER_SECONDS = 120.0
_SETTLED_SECONDS = 12.0
"""Longer than brokers take to hold one of them for dead: what flows after that does not stand on it."""
_STANDSTILL_SECONDS = 20.0
_RECOVERY_SECONDS = 240.0


@dataclass(frozen=True)
class CrashPlan:
    """`rate` readings a second; `seconds` is how long each phase is looked at."""

    rate: float
    seconds: float
    keep: bool = False


def run(drill: Drill, plan: CrashPlan, cache_dir: Path) -> Outcome:
    """The whole drill, with Kafka's jars from `cache_dir`. Raises UnavailableError when it comes to no verdict."""
    settings = settings_of(own_directory(NAME), cache_dir, plan)
    drill.step(f"An installation of its own in {settings.state_dir.parent}, Kafka at {settings.bootstrap_servers}.")
    with own_installation(settings, drill.tell, keep=plan.keep) as installation:
        crash = _Crash(drill, plan, installation)
        crash.start()
        with FlowWatch(Clients(settings), Topology(STREAM).validated) as flow:
            crash.flow_of_all_three(flow)
            first = crash.kill_first(flow)
            second = crash.kill_second(flow)
            crash.bring_back(flow, first, second)
        settle_and_judge(drill, installation, STREAM, _RECOVERY_SECONDS)
    return drill.outcome()


def settings_of(directory: Path, cache_dir: Path, plan: CrashPlan) -> Settings:
    """Made without asking anybody: nothing of the user's environment or iot.toml comes in."""
    return Settings.model_construct(
        instance=NAME,
        state_dir=directory / "state",
        cache_dir=cache_dir,
        kafka=own_kafka(_BROKERS),
        streams={STREAM: StreamSettings()},
        fleet=FleetSettings(rate=plan.rate, journal=directory / "journal.ndjson"),
        dagster=DagsterSettings(enabled=False),
    )


class _Crash:
    """The steps, in their order."""

    def __init__(self, drill: Drill, plan: CrashPlan, installation: Installation) -> None:
        self._drill = drill
        self._plan = plan
        self._installation = installation
        self._settings = installation.settings
        self._supervisor = Supervisor(self._settings)

    def start(self) -> None:
        self._drill.step("Starting three brokers, a validator, the loader and fifty sensors …")
        self._installation.run("up", "--detach")
        self._drill.step(f"They run. {self._plan.rate:g} readings a second are sent.")

    def flow_of_all_three(self, flow: FlowWatch) -> None:
        self._drill.require(lambda: flow.records > 0, _START_SECONDS, "the first validated reading")
        began, before = time.monotonic(), flow.records
        time.sleep(self._plan.seconds)
        pause, count = flow.longest_pause_seconds(began), flow.records - before
        self._drill.step(
            f"With three brokers {count:,} readings were validated in {self._plan.seconds:g} s; the longest pause was "
            f"{pause:.1f} s.",
            validated=count,
            longest_pause_seconds=round(pause, 1),
        )

    def kill_first(self, flow: FlowWatch) -> int:
        """The leader of a raw partition: writes to it and reads from it must move. Its number."""
        number = leader_of(Clients(self._settings), Topology(STREAM).raw, 0)
        killed = self._kill(number, f"the leader of {Topology(STREAM).raw}/0")
        went_on = self._drill.wait_until(
            lambda: flow.arrived_since(killed + _SETTLED_SECONDS), _TAKEOVER_SECONDS + _SETTLED_SECONDS
        )
        time.sleep(self._plan.seconds)
        pause = flow.longest_pause_seconds(killed)
        self._drill.step(
            f"With two of three readings flow; the longest pause was {pause:.1f} s, and {self._spooled():,} readings "
            f"wait in the spool. status says: {self._said()}",
            longest_pause_seconds=round(pause, 1),
            spooled=self._spooled(),
        )
        self._drill.claim(f"With one of three brokers killed the flow went on, after {pause:.1f} s at most.", went_on)
        return number

    def kill_second(self, flow: FlowWatch) -> int:
        """Too few replicas are left then. Its number."""
        number = leader_of(Clients(self._settings), Topology(STREAM).raw, 0)
        before = self._spooled()
        killed = self._kill(number, "one of the two that are left")
        wanted = before + round(self._plan.rate * self._plan.seconds)
        grows = self._drill.wait_until(lambda: self._spooled() >= wanted, _TAKEOVER_SECONDS)
        quiet_from = killed + _STANDSTILL_SECONDS
        self._drill.wait_until(lambda: time.monotonic() > quiet_from + self._plan.seconds, _TAKEOVER_SECONDS)
        stands = not flow.arrived_since(quiet_from)
        status = read_status(self._settings, self._drill.clock)
        self._drill.step(
            f"With one of three nothing is taken; {self._spooled():,} readings wait in the spool. "
            f"status says: {self._said()}",
            spooled=self._spooled(),
        )
        self._drill.claim(
            "With two of three killed nothing was taken, and readings waited in the spool.", grows and stands
        )
        told = not status["kafka"]["reachable"] and "too few are left" in self._said()
        self._drill.claim("status said that too few brokers were left.", told)
        return number

    def bring_back(self, flow: FlowWatch, *numbers: int) -> None:
        waiting, began = self._spooled(), time.monotonic()
        self._drill.step(f"Starting {' and '.join(map(broker_program, numbers))} again; {waiting:,} readings wait …")
        for number in numbers:
            self._supervisor.start_program(broker_program(number))
        least = round(self._plan.rate)  # a second's worth is under way at any time
        drained = self._drill.wait_until(
            lambda: self._spooled() <= least and flow.arrived_since(began), _RECOVERY_SECONDS
        )
        seconds = time.monotonic() - began
        self._drill.step(
            f"{seconds:.1f} s after that the spool was empty but for {self._spooled():,} readings under way.",
            drained_seconds=round(seconds, 1),
        )
        self._drill.claim(f"Once two were back the spool drained by itself: {waiting:,} in {seconds:.1f} s.", drained)

    def _kill(self, number: int, what: str) -> float:
        """As a crash, and keep it down: the supervisor would start it again. When it was, by `time.monotonic`."""
        pid = LocalBroker(self._settings, number).pid()
        self._drill.require(lambda: pid is not None, 0, f"a process of {broker_program(number)}")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        self._supervisor.keep_down(broker_program(number))
        self._drill.step(f"kill -9 {pid}: {broker_program(number)}, {what}.", killed=broker_program(number))
        return killed

    def _spooled(self) -> int:
        return sum(account.spooled for account in read_accounts(self._settings.spool_dir, STREAM))

    def _said(self) -> str:
        alerts = read_status(self._settings, self._drill.clock)["alerts"]
        return next((alert["text"] for alert in alerts if alert["what"] == "broker_down"), "nothing of brokers")
