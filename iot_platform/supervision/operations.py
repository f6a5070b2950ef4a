"""up, down, drain: the life of an installation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from iot_platform.broker.node import LocalBroker
from iot_platform.clock import SystemClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.errors import KafkaUnavailableError, SettingsError, UnavailableError, UsageError
from iot_platform.lifecycle import Bounds, Stop, lease
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import group_lag
from iot_platform.stream.preflight import preflight, wait_for_kafka
from iot_platform.stream.producer import run_producer
from iot_platform.stream.sources.silent import Silent
from iot_platform.stream.spool import read_accounts
from iot_platform.stream.topics import ensure_topics
from iot_platform.supervision.plan import BROKER_PROGRAM, Program, plan
from iot_platform.supervision.supervisor import Supervisor
from iot_platform.watch.lag import total_messages

Tell = Callable[[str], None]

_BROKER_READY_SECONDS = 90.0
_SHUT_DOWN_SECONDS = 180.0
_DRAIN_POLL_SECONDS = 1.0


def up(settings: Settings, tell: Tell) -> Supervisor:
    """Start all that this installation runs, in order, each step told. Undone when a step fails.

    Raises AlreadyRunningError, PortTakenError, KafkaUnavailableError or SettingsError with what to change.
    """
    check_settings(settings, tell)
    with lease(settings.lease_dir / "up.lock", "A start of the platform"):
        programs = plan(settings)
        supervisor = _idle_supervisor(settings, programs)
        try:
            _start_in_order(settings, supervisor, programs, tell)
        except BaseException:
            tell("Stopping what was started …")
            supervisor.shut_down(_SHUT_DOWN_SECONDS)
            raise
    return supervisor


def start_broker(settings: Settings, tell: Tell) -> None:
    """Start the broker alone; nothing to do when it runs. Raises as `up`, and UsageError for a broker not ours."""
    if not settings.own_broker:
        raise UsageError(
            f"Kafka at {settings.bootstrap_servers} is not ours to start.",
            next_step="Unset IOT_KAFKA__BOOTSTRAP_SERVERS to run one here.",
        )
    supervisor = Supervisor(settings)
    if supervisor.pid() is None:
        LocalBroker(settings).check_ports()
        supervisor.start(plan(settings))
    tell(f"Starting Apache Kafka on {settings.bootstrap_servers} …")
    supervisor.start_program(BROKER_PROGRAM)
    wait_for_kafka(Clients(settings), _BROKER_READY_SECONDS)


def stop_broker(settings: Settings, tell: Tell) -> bool:
    """Stop the broker, and all that stands on it; False when it did not run."""
    return LocalBroker(settings).pid() is not None and down(settings, tell)


def check_settings(settings: Settings, tell: Tell) -> None:
    """What would otherwise show only in a process that restarts again and again, or never. Raises SettingsError."""
    for name, options in settings.streams.items():
        load_catalogue(options.catalogue)
        if options.doubt:
            tell(f"Warning: stream {name}: {options.doubt}")
    fleet = settings.fleet
    if fleet.enabled and fleet.stream not in settings.streams:
        known = ", ".join(sorted(settings.streams))
        raise SettingsError(
            f"The fleet is to feed stream '{fleet.stream}', which there is not; configured are: {known or 'none'}.",
            next_step="Set IOT_FLEET__STREAM to one of these, or IOT_FLEET__ENABLED=false.",
        )


def _idle_supervisor(settings: Settings, programs: list[Program]) -> Supervisor:
    """A supervisor that knows `programs` and runs none of them but perhaps the broker."""
    supervisor = Supervisor(settings)
    states = supervisor.states()
    busy = [state.name for state in states if state.state != "STOPPED" and state.name != BROKER_PROGRAM]
    if states and not busy:
        if {state.name for state in states} == {program.name for program in programs}:
            return supervisor
        supervisor.shut_down(_SHUT_DOWN_SECONDS)  # the settings have other programs now
    if settings.own_broker and not busy:
        LocalBroker(settings).check_ports()
    supervisor.start(programs)  # says so when one runs already
    return supervisor


def _start_in_order(settings: Settings, supervisor: Supervisor, programs: Iterable[Program], tell: Tell) -> None:
    clients = Clients(settings)
    if settings.own_broker:
        tell(f"Starting Apache Kafka on {settings.bootstrap_servers} …")
        supervisor.start_program(BROKER_PROGRAM)
        wait_for_kafka(clients, _BROKER_READY_SECONDS)
    else:
        tell(f"Checking Kafka at {settings.bootstrap_servers} …")
        preflight(clients, settings)
    for stream in settings.streams:
        tell(f"Topics of stream {stream} …")
        ensure_topics(clients, settings, stream)
    for program in programs:
        if program.name != BROKER_PROGRAM:
            tell(f"Starting {program.name} …")
            _start(supervisor, program, tell)


def _start(supervisor: Supervisor, program: Program, tell: Tell) -> None:
    """A source that does not start takes nothing from the others; without one of the rest nothing arrives."""
    try:
        supervisor.start_program(program.name)
    except UnavailableError as error:
        if not program.is_source:
            raise
        tell(f"{error} The rest goes on without it.")


def down(settings: Settings, tell: Tell) -> bool:
    """Stop everything in reverse order; False when nothing ran."""
    supervisor = Supervisor(settings)
    if supervisor.pid() is None:
        return False
    tell("Stopping sources, loader, validators and broker in turn …")
    return supervisor.shut_down(_SHUT_DOWN_SECONDS)


def drain(settings: Settings, timeout_seconds: float, tell: Tell) -> None:
    """Stop the sources, send what they spooled, let the rest catch up and stop it too; the broker goes on.

    Raises UnavailableError when it is not done within `timeout_seconds`: then all but the sources still runs.
    """
    supervisor = Supervisor(settings)
    programs = plan(settings)
    for program in programs:
        if program.is_source:
            tell(f"Stopping {program.name} …")
            supervisor.stop_program(program.name)
    _deliver_spools(settings, timeout_seconds, tell)
    _await_no_lag(settings, timeout_seconds, tell)
    for program in reversed(programs):
        if program.name != BROKER_PROGRAM and not program.is_source:
            tell(f"Stopping {program.name} …")
            supervisor.stop_program(program.name)


def _deliver_spools(settings: Settings, timeout_seconds: float, tell: Tell) -> None:
    """Send what waits in the spools of the sources that are stopped now."""
    for stream in settings.streams:
        for account in read_accounts(settings.spool_dir, stream):
            if account.spooled:
                tell(f"{account.spooled:,} readings in the spool of {account.name} …")
                run_producer(
                    settings, Silent(account.name), stream, stop=Stop(), bounds=Bounds(seconds=timeout_seconds)
                )


def _await_no_lag(settings: Settings, timeout_seconds: float, tell: Tell) -> None:
    """Wait until validators and loader have nothing left; a Kafka that is away for a moment is waited for too."""
    clients, clock = Clients(settings), SystemClock()
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            waiting = sum(total_messages(group_lag(clients, stream, clock)) for stream in settings.streams)
            left = f"{waiting:,} records to go"
        except KafkaUnavailableError as error:
            waiting, left = -1, error.message
        if waiting == 0:
            return
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"Not drained after {timeout_seconds:g} s: {left}.",
                next_step="Run `iot-platform drain` again, or see `iot-platform lag`.",
            )
        tell(f"{left} …")
        time.sleep(_DRAIN_POLL_SECONDS)
