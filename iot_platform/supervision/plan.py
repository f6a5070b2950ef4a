"""Which processes an installation consists of. Pure: settings in, programs out."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from iot_platform.broker.cluster import named
from iot_platform.settings import Settings
from iot_platform.stream.places import fleet_name, process_name
from iot_platform.supervision.dagster_home import DagsterProcess

# Started in this order, stopped in the reverse: sources first, the broker last.
_BROKER, _LOADER, _VALIDATOR, _PRODUCER = 10, 20, 30, 40
_CODE_SERVER, _DAEMON, _WEBSERVER = 20, 30, 40
_WATCHER = 50

BROKERS_GROUP = "brokers"
WATCHER = "watcher"
_SOURCE_PREFIX = "producer-"


@dataclass(frozen=True)
class Program:
    """One supervised process. `stop_seconds` is what it gets to end by itself before it is killed.

    Programs of the same `group` are stopped at the same time, others one after another.
    """

    name: str
    arguments: tuple[str, ...]
    priority: int
    stop_seconds: int
    stream: str = ""
    group: str = ""

    @property
    def is_broker(self) -> bool:
        return self.group == BROKERS_GROUP

    @property
    def is_source(self) -> bool:
        return self.name.startswith(_SOURCE_PREFIX)

    @property
    def command(self) -> list[str]:
        """The program as a command line of this Python."""
        return [sys.executable, "-m", "iot_platform.cli.main", *self.arguments]


def plan(settings: Settings) -> list[Program]:
    """All programs of this installation, in the order in which they start.

    Under Dagster the streams are runs of it, and only its own processes are programs.
    """
    programs = [*(_dagster() if settings.dagster.enabled else _streams(settings)), _watcher()]
    if settings.own_broker:
        programs += [_broker(number) for number in range(1, settings.kafka.brokers + 1)]
    return sorted(programs, key=lambda program: program.priority)


def broker_program(number: int) -> str:
    """The name of our own broker `number`, counted from 1."""
    return named("broker", number)


def _broker(number: int) -> Program:
    """All in one group: a broker that is asked to end alone, as the last, would wait for a controller in vain."""
    arguments = ("broker", "run", "--number", str(number))
    return Program(broker_program(number), arguments, _BROKER, stop_seconds=40, group=BROKERS_GROUP)


def _dagster() -> list[Program]:
    priorities = {
        DagsterProcess.CODE_SERVER: _CODE_SERVER,
        DagsterProcess.DAEMON: _DAEMON,
        DagsterProcess.WEBSERVER: _WEBSERVER,
    }
    return [
        Program(process.value, ("dagster", process.value), priority, stop_seconds=30)
        for process, priority in priorities.items()
    ]


def _streams(settings: Settings) -> list[Program]:
    programs = [_loader()]
    for stream, options in settings.streams.items():
        programs += [_validator(stream, slot) for slot in range(options.validators)]
    if settings.fleet.enabled:
        programs += [_fleet(settings.fleet.stream, part) for part in range(settings.fleet.producers)]
    return programs


def _watcher() -> Program:
    """Last to start and first to stop: what starts and stops is no alert."""
    return Program(WATCHER, ("alerts", "watch", "--supervised"), _WATCHER, stop_seconds=20)


def _loader() -> Program:
    return Program("loader", ("load", "--supervised"), _LOADER, stop_seconds=60)


def _validator(stream: str, slot: int) -> Program:
    arguments = ("validate", "--stream", stream, "--slot", str(slot), "--supervised")
    return Program(f"validator-{stream}-{slot}", arguments, _VALIDATOR, stop_seconds=20, stream=stream)


def _fleet(stream: str, part: int) -> Program:
    arguments = ("produce", "--source", "fleet", "--stream", stream, "--slot", str(part), "--supervised")
    name = process_name(stream, fleet_name(part))
    return Program(name, arguments, _PRODUCER, stop_seconds=20, stream=stream)
