"""Is the Kafka there that we need? Asked before anything is started, and told in words."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.lifecycle import Stop
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients

_ASK_SECONDS = 3.0
_LOOK_SECONDS = 1.0  # a stop that comes meanwhile waits as long
_POLL_SECONDS = 0.2
_TRANSACTION_SECONDS = 20.0
_STREAM_SECONDS = 15.0


def is_reachable(clients: Clients, timeout_seconds: float = _ASK_SECONDS) -> bool:
    """Whether Kafka answers a request for metadata with at least one broker."""
    return _answers(clients.admin(), timeout_seconds)


def kafka_probe(settings: Settings, timeout_seconds: float = _LOOK_SECONDS * 2) -> Callable[[], bool]:
    """Asks again and again over one connection whether Kafka answers; each time for at most `timeout_seconds`."""
    admin = Clients(settings).admin()
    return lambda: _answers(admin, timeout_seconds)


def _answers(admin: AdminClient, timeout_seconds: float) -> bool:
    return _named(admin, timeout_seconds) > 0


def wait_for_kafka(clients: Clients, timeout_seconds: float) -> None:
    """Raises KafkaUnavailableError when Kafka has not answered in time."""
    admin = clients.admin()
    deadline = time.monotonic() + timeout_seconds
    while not _answers(admin, _ASK_SECONDS):
        if time.monotonic() > deadline:
            raise KafkaUnavailableError(
                f"Kafka does not answer at {clients.bootstrap_servers} after {timeout_seconds:g} s.",
                next_step="Start it with `iot-platform up` (or `iot-platform broker start`), or set "
                "IOT_KAFKA__BOOTSTRAP_SERVERS to one that runs.",
            )
        time.sleep(_POLL_SECONDS)


def brokers_there(clients: Clients, wanted: int, timeout_seconds: float) -> int:
    """How many brokers Kafka names: as soon as it names `wanted`, else when time is up."""
    admin = clients.admin()
    deadline = time.monotonic() + timeout_seconds
    while (found := _named(admin)) < wanted and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return found


def _named(admin: AdminClient, timeout_seconds: float = _ASK_SECONDS) -> int:
    """How many brokers Kafka names when asked; none when it does not answer."""
    try:
        return len(admin.list_topics(timeout=timeout_seconds).brokers)
    except KafkaException:
        return 0


def wait_for_stream(settings: Settings, topology: Topology, stop: Stop, *, forever: bool) -> None:
    """Wait until the raw topic is there: for a supervised process until stopped, else a moment.

    Raises KafkaUnavailableError, which says whether Kafka or the topic is missing.
    """
    admin = Clients(settings).admin()
    deadline = time.monotonic() + _STREAM_SECONDS
    while not stop.requested:
        try:
            if topology.raw in admin.list_topics(timeout=_LOOK_SECONDS).topics:
                return
            missing = f"There is no topic {topology.raw} on {settings.bootstrap_servers}."
        except KafkaException as error:
            missing = f"Kafka does not answer at {settings.bootstrap_servers}: {error.args[0].str()}."
        if not forever and time.monotonic() > deadline:
            raise KafkaUnavailableError(
                missing, next_step="Run `iot-platform up`, or `iot-platform topics create` on a Kafka of your own."
            )
        stop.wait(_POLL_SECONDS)


def preflight(clients: Clients, settings: Settings) -> None:
    """Check a Kafka that is not ours: reachable, and able to run a transaction for this instance.

    Topics and the rights on them are checked by `ensure_topics`. Raises KafkaUnavailableError with what is missing.
    """
    wait_for_kafka(clients, _ASK_SECONDS)
    producer = clients.producer({"transactional.id": f"{settings.instance}-preflight-{uuid.uuid4()}"})
    try:
        producer.init_transactions(_TRANSACTION_SECONDS)
        producer.begin_transaction()
        producer.abort_transaction(_TRANSACTION_SECONDS)
    except KafkaException as error:
        raise KafkaUnavailableError(
            f"Kafka at {settings.bootstrap_servers} does not run transactions for us: {error.args[0].str()}.",
            next_step=f"Allow transactional.id and idempotent writes with the prefix '{settings.instance}-', and check "
            "that the brokers' transaction log has enough replicas.",
        ) from error
