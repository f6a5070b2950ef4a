"""The validator: raw records to validated ones, dead letters and the ledger, exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException

from iot_platform.clock import Clock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.contract.topology import Topology
from iot_platform.errors import DedupStoreError, KafkaUnavailableError
from iot_platform.lifecycle import Bounds, Heartbeat, Limit, Stop, lease
from iot_platform.settings import Settings
from iot_platform.stream.brake import Brake
from iot_platform.stream.poison import PoisonHunt
from iot_platform.stream.preflight import wait_for_stream
from iot_platform.stream.session import Lasting, Session
from iot_platform.stream.totals import Totals
from iot_platform.stream.transaction import SessionLostError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestartPolicy:
    """How often and how fast a lost session is made anew; a session that committed anything starts the count again."""

    wait_seconds: float = 0.2
    wait_max_seconds: float = 10.0

    def wait_after(self, failures: int) -> float:
        return min(self.wait_max_seconds, self.wait_seconds * 2.0 ** min(failures - 1, 16))


def run_validator(
    settings: Settings,
    stream: str,
    slot: int,
    *,
    stop: Stop,
    clock: Clock,
    heartbeat: Heartbeat,
    bounds: Bounds | None = None,
) -> Validator:
    """Run one slot until stopped or the bounds are reached, under its lease; the validator, for its totals.

    An unbounded one waits for Kafka and its topics for ever. Raises AlreadyRunningError when the slot is taken.
    """
    with lease(settings.lease_dir / f"validator-{stream}-{slot}.lock", f"Validator {slot} of stream {stream}"):
        wait_for_stream(settings, Topology(stream), stop, forever=bounds is None)
        validator = Validator(settings, stream, slot, clock)
        try:
            validator.run(stop, Limit(bounds or Bounds(), clock), lambda: heartbeat.beat(validator.facts()))
        finally:
            heartbeat.beat(validator.facts(), now=True)
    return validator


class Validator:
    """Keeps one slot validating: makes sessions, and new ones when they are lost."""

    def __init__(self, settings: Settings, stream: str, slot: int, clock: Clock) -> None:
        options = settings.stream(stream)
        freshness = Freshness(options.max_age_seconds, options.max_ahead_seconds)
        self._judge = Judge(load_catalogue(options.catalogue), freshness, options.max_message_bytes)
        self._settings = settings
        self._stream = stream
        self._clock = clock
        self._session_facts: dict[str, Any] = {}
        self.slot = slot
        self.totals = Totals()
        self._lasting = Lasting(
            self.totals, PoisonHunt(settings.validator.batch_max), Brake(settings, stream, slot, clock)
        )

    def run(self, stop: Stop, limit: Limit, on_batch: Callable[[], None], policy: RestartPolicy | None = None) -> None:
        """Validate until stopped or `limit` is reached. Raises PlatformError where going on would break the promise."""
        policy = policy or RestartPolicy()
        failures = 0
        while not (stop.requested or limit.reached):
            committed_before = self.totals.transactions
            try:
                self._run_session(stop, limit, on_batch)
            except (SessionLostError, KafkaException, KafkaUnavailableError, DedupStoreError) as error:
                failures = 1 if self.totals.transactions > committed_before else failures + 1
                self.totals.last_error = str(error)
                wait_seconds = policy.wait_after(failures)
                log.warning("session lost, a new one in %.1f s: %s", wait_seconds, error)
                on_batch()
                stop.wait(wait_seconds)
            else:
                return

    def _run_session(self, stop: Stop, limit: Limit, on_batch: Callable[[], None]) -> None:
        self.totals.sessions += 1
        session = Session(self._settings, self._stream, self.slot, self._judge, self._lasting, self._clock)

        def after_batch() -> None:
            self._session_facts = session.facts()
            on_batch()

        try:
            session.run(stop, limit, after_batch)
        finally:
            session.close()

    def facts(self) -> dict[str, Any]:
        """What `status` shows of this validator."""
        return {"slot": self.slot, **self.totals.facts(), **self._session_facts}
