"""up, down, drain: the life of an installation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from iot_platform.broker.cluster import check_cluster
from iot_platform.clock import Clock, SystemClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.errors import KafkaUnavailableError, SettingsError, UnavailableError
from iot_platform.lifecycle import lease
from iot_platform.pipeline.loader import load_rest
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import GroupFigures, group_lag
from iot_platform.stream.places import producer_lease
from iot_platform.stream.preflight import preflight
from iot_platform.stream.producer import drain_spool
from iot_platform.stream.spool import read_accounts
from iot_platform.stream.topics import ensure_topics
from iot_platform.supervision import dagster_home
from iot_platform.supervision.brokers import check_broker_ports, start_brokers
from iot_platform.supervision.orchestrated import let_streams_run, stop_streams, wait_for_ui
from iot_platform.supervision.plan import WATCHER, Program, plan
from iot_platform.supervision.slots import Draining, read_desired
from iot_platform.supervision.supervisor import Supervisor
from iot_platform.watch.lag import total_messages

Tell = Callable[[str], None]
LagOf = Callable[[Clients, str, Clock], Sequence[GroupFigures]]

_SHUT_DOWN_SECONDS = 180.0
_DRAIN_POLL_SECONDS = 1.0


def up(settings: Settings, tell: Tell) -> Supervisor:
    """Start all that this installation runs, in order, each step told. Undone when a step fails.

    Raises AlreadyRunningError, PortTakenError, KafkaUnavailableError or SettingsError with what to change.
    """
    check_settings(settings, tell)
    with lease(settings.lease_dir / "up.lock", "A start of the platform"):
        programs = plan(settings)
        if settings.dagster.enabled and _is_drained(settings):
            tell("Drained before: the streams go on …")
            let_streams_run(settings)
            return Supervisor(settings)
        supervisor = _idle_supervisor(settings, programs)
        try:
            _start_in_order(settings, supervisor, programs, tell)
        except BaseException:
            tell("Stopping what was started …")
            supervisor.shut_down(_SHUT_DOWN_SECONDS)
            raise
    return supervisor


def _is_drained(settings: Settings) -> bool:
    """Whether everything runs but the streams, which `drain` stopped."""
    states = Supervisor(settings).states()
    idle = read_desired(settings).draining is not Draining.NOTHING
    return bool(states) and idle and all(state.running for state in states)


def check_settings(settings: Settings, tell: Tell) -> None:
    """What would otherwise show only in a process that restarts again and again, or never. Raises SettingsError."""
    if settings.own_broker:
        check_cluster(settings)
    for name, options in settings.streams.items():
        load_catalogue(options.catalogue)
        if doubt := options.doubt(settings.producer.spool_max_age_hours):
            tell(f"Warning: stream {name}: {doubt}")
        if options.validators_most is not None and not settings.dagster.enabled:
            tell(
                f"Warning: stream {name}: without Dagster its validators do not follow the lag: {options.validators} "
                f"run (streams.{name}.validators), whatever validators_most says."
            )
    fleet = settings.fleet
    if fleet.enabled and fleet.stream not in settings.streams:
        known = ", ".join(sorted(settings.streams))
        raise SettingsError(
            f"The fleet is to feed stream '{fleet.stream}', which there is not; configured are: {known or 'none'}.",
            next_step="Set IOT_FLEET__STREAM to one of these, or IOT_FLEET__ENABLED=false.",
        )


def _idle_supervisor(settings: Settings, programs: list[Program]) -> Supervisor:
    """A supervisor that knows `programs` and runs none of them but perhaps brokers."""
    supervisor = Supervisor(settings)
    states = supervisor.states()
    busy = [state.name for state in states if state.state != "STOPPED" and not state.is_broker]
    if states and not busy:
        if {state.name for state in states} == {program.name for program in programs}:
            return supervisor
        supervisor.shut_down(_SHUT_DOWN_SECONDS)  # the settings have other programs now
    if not busy:
        _check_ports(settings)
    supervisor.start(programs)  # says so when one runs already
    return supervisor


def _check_ports(settings: Settings) -> None:
    if settings.own_broker:
        check_broker_ports(settings)
    if settings.dagster.enabled:
        dagster_home.check_ports(settings)


def _start_in_order(settings: Settings, supervisor: Supervisor, programs: Iterable[Program], tell: Tell) -> None:
    clients = Clients(settings)
    if settings.own_broker:
        start_brokers(settings, supervisor, tell)
    else:
        tell(f"Checking Kafka at {settings.bootstrap_servers} …")
        preflight(clients, settings)
    for stream in settings.streams:
        tell(f"Topics of stream {stream} …")
        ensure_topics(clients, settings, stream)
    if settings.dagster.enabled:
        let_streams_run(settings)
        dagster_home.write_home(settings)
    for program in programs:
        if not program.is_broker:
            tell(f"Starting {program.name} …")
            _start(supervisor, program, tell)
    if settings.dagster.enabled:
        tell("Waiting for the UI …")
        wait_for_ui(settings, lambda: supervisor.pid() is not None)


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
    if settings.dagster.enabled:
        try:
            stop_streams(settings, Draining.ALL, tell)
        except UnavailableError as error:
            tell(f"{error.message} It ends with the rest.")
    tell("Stopping the other processes in turn, the broker last …")
    return supervisor.shut_down(_SHUT_DOWN_SECONDS)


def drain(settings: Settings, timeout_seconds: float, tell: Tell) -> None:
    """Stop the sources, send what they spooled, let the rest catch up and stop it too; the broker goes on.

    Raises UnavailableError when it is not done within `timeout_seconds`: then all but the sources still runs.
    """
    if settings.dagster.enabled:
        _drain_orchestrated(settings, timeout_seconds, tell)
        return
    programs = plan(settings)
    _stop_programs(settings, [program for program in programs if program.name == WATCHER], tell)  # what stops is meant
    _stop_programs(settings, [program for program in programs if program.is_source], tell)
    _deliver_spools(settings, timeout_seconds, tell)
    _await_no_lag(settings, timeout_seconds, tell, group_lag)
    done = {program.name for program in programs if program.is_broker or program.is_source} | {WATCHER}
    rest = [program for program in reversed(programs) if program.name not in done]
    _stop_programs(settings, rest, tell)


def _drain_orchestrated(settings: Settings, timeout_seconds: float, tell: Tell) -> None:
    """The same under Dagster, whose UI goes on; what is left to load is loaded here."""
    stop_streams(settings, Draining.SOURCES, tell)
    _deliver_spools(settings, timeout_seconds, tell)
    _await_no_lag(settings, timeout_seconds, tell, lambda *asked: group_lag(*asked)[:1])
    stop_streams(settings, Draining.ALL, tell)
    tell("Loading what is left …")
    load_rest(settings, SystemClock(), timeout_seconds)


def _stop_programs(settings: Settings, programs: Iterable[Program], tell: Tell) -> None:
    supervisor = Supervisor(settings)
    for program in programs:
        tell(f"Stopping {program.name} …")
        supervisor.stop_program(program.name)


def _deliver_spools(settings: Settings, timeout_seconds: float, tell: Tell) -> None:
    """Send what waits in the spools of the sources that are stopped now, as long as that leads to anything."""
    deadline = time.monotonic() + timeout_seconds
    for stream in settings.streams:
        delivered = -1
        while delivered and time.monotonic() < deadline:
            delivered = 0  # a round more where a spool had to wait for what an older split left in another
            for account in read_accounts(settings.spool_dir, stream):
                if account.spooled:
                    tell(f"{account.spooled:,} readings in the spool of {account.name} …")
                    with lease(producer_lease(settings, stream, account.name), f"The producer {stream}-{account.name}"):
                        delivered += drain_spool(
                            settings, stream, account.name, SystemClock(), lambda: time.monotonic() < deadline
                        )


def _await_no_lag(settings: Settings, timeout_seconds: float, tell: Tell, lag_of: LagOf) -> None:
    """Wait until the groups of `lag_of` have nothing left; a Kafka that is away for a moment is waited for too."""
    clients, clock = Clients(settings), SystemClock()
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            waiting = sum(total_messages(lag_of(clients, stream, clock)) for stream in settings.streams)
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
