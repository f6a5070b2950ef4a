"""The life of our own brokers: started together, for one of three alone serves nobody; stopped one by one if asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from iot_platform.broker.cluster import check_cluster
from iot_platform.broker.fetch import ensure_jars
from iot_platform.broker.node import LocalBroker, local_brokers
from iot_platform.errors import UnavailableError, UsageError
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import brokers_there, wait_for_kafka
from iot_platform.supervision.plan import broker_program, plan
from iot_platform.supervision.supervisor import Supervisor

Tell = Callable[[str], None]

_READY_SECONDS = 90.0  # for each: they start beside each other
_ALL_READY_SECONDS = 60.0


@dataclass(frozen=True)
class BrokerFacts:
    """One broker of our own. `up`: it runs and takes connections."""

    number: int
    name: str
    server: str
    pid: int | None
    up: bool
    log: Path


def start_brokers(settings: Settings, supervisor: Supervisor, tell: Tell) -> None:
    """Start all brokers that do not run, and return when Kafka serves.

    Of three, one may fail: the others serve, and it is told. Raises KafkaUnavailableError or UnavailableError.
    """
    tell(f"Starting Apache Kafka on {settings.bootstrap_servers} …")
    ensure_jars(settings.cache_dir, tell)  # once, before three processes look for them at the same moment
    brokers, failures = local_brokers(settings), []
    for broker in brokers:
        try:
            supervisor.start_program(broker_program(broker.number))
        except UnavailableError as error:
            failures.append(error)
    if len(failures) >= _majority(len(brokers)):
        raise failures[0]
    for failure in failures:
        tell(f"{failure} The others go on without it.")
    clients = Clients(settings)
    wait_for_kafka(clients, _READY_SECONDS * len(brokers))
    started = len(brokers) - len(failures)
    found = brokers_there(clients, started, _ALL_READY_SECONDS) if started > 1 else started
    if found < started:
        tell(f"Only {found} of {started} brokers have come after {_ALL_READY_SECONDS:g} s; see `iot-platform status`.")


def start_broker(settings: Settings, number: int | None, tell: Tell) -> None:
    """Start the brokers alone, or one of them; nothing to do when they run.

    Raises as `up`, and UsageError for brokers that are not ours.
    """
    _check_own(settings, number)
    supervisor = Supervisor(settings)
    if supervisor.pid() is None:
        check_cluster(settings)
        check_broker_ports(settings)
        supervisor.start(plan(settings))
    if number is None:
        start_brokers(settings, supervisor, tell)
    else:
        tell(f"Starting {broker_program(number)} …")
        supervisor.start_program(broker_program(number))


def stop_broker(settings: Settings, number: int, tell: Tell) -> None:
    """Stop one broker, until it is started again. Raises UnavailableError when nothing runs here, and UsageError."""
    _check_own(settings, number)
    tell(f"Stopping {broker_program(number)} …")
    Supervisor(settings).stop_program(broker_program(number))


def check_broker_ports(settings: Settings) -> None:
    """Raises PortTakenError naming the setting, before anything has started."""
    for broker in local_brokers(settings):
        broker.check_ports()


def broker_facts(settings: Settings) -> list[BrokerFacts]:
    """Each broker of our own as it is now; empty for a Kafka that is not ours."""
    return [_facts(broker) for broker in local_brokers(settings)] if settings.own_broker else []


def can_serve(facts: Sequence[BrokerFacts]) -> bool:
    """Whether enough of our own brokers are up to decide and to take records; unknown of others, so true."""
    return not facts or sum(one.up for one in facts) >= _majority(len(facts))


def down_sentence(facts: Sequence[BrokerFacts]) -> str:
    """What it means that some of three brokers are down; empty when none is."""
    down = [one for one in facts if not one.up]
    if not down or len(facts) == 1:
        return ""
    names = " and ".join(one.name for one in down)
    said = f"{len(down)} of {len(facts)} brokers {'is' if len(down) == 1 else 'are'} down ({names})"
    if can_serve(facts):
        return f"{said}: Kafka goes on with the others, but not without one more; see {down[0].log}."
    return f"{said}: too few are left to take a record, so readings wait in the spool; see {down[0].log}."


def _facts(broker: LocalBroker) -> BrokerFacts:
    pid = broker.pid()
    up = pid is not None and broker.takes_connections
    return BrokerFacts(broker.number, broker_program(broker.number), broker.bootstrap_servers, pid, up, broker.log_path)


def _majority(brokers: int) -> int:
    return brokers // 2 + 1


def _check_own(settings: Settings, number: int | None) -> None:
    if not settings.own_broker:
        raise UsageError(
            f"Kafka at {settings.bootstrap_servers} is not ours to start or stop.",
            next_step="Unset IOT_KAFKA__BOOTSTRAP_SERVERS to run one here.",
        )
    if number is not None and not 1 <= number <= settings.kafka.brokers:
        raise UsageError(
            f"There is no broker {number}: the settings say {settings.kafka.brokers}.",
            next_step="See `iot-platform broker status`.",
        )
