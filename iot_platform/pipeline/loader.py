"""The loader's loop: load again and again, renew the reader's copy, let go of what retention does not keep."""

from __future__ import annotations

import logging
import time
from datetime import date, timedelta
from typing import Any

from iot_platform.clock import Clock
from iot_platform.errors import AlreadyRunningError, KafkaUnavailableError, UnavailableError
from iot_platform.lifecycle import Bounds, Heartbeat, Limit, Stop, lease
from iot_platform.pipeline.load import LoadResult, load_once
from iot_platform.pipeline.publish import Publisher
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.retention import remove_before

log = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 30.0
_LEASE_POLL_SECONDS = 0.5


def run_loader(
    settings: Settings, *, clock: Clock, stop: Stop, bounds: Bounds, heartbeat: Heartbeat, publish: bool = True
) -> LoadResult:
    """Load again and again, and with `publish` renew the reader's copy, until stopped or the bounds are reached.

    What can pass (Kafka away, the file held by another) is waited out and told in the heartbeat; in a bounded run it
    is raised. Raises AlreadyRunningError when a loader runs already.
    """
    with lease(settings.lease_dir / "loader.lock", "The loader"):
        loader = _Loader(settings, clock, stop, heartbeat, publish=publish)
        return loader.run(Limit(bounds, clock), bounded=bounds != Bounds())


def load_rest(settings: Settings, clock: Clock, timeout_seconds: float) -> LoadResult:
    """Load all that waits, as soon as no other loader is at it. Raises AlreadyRunningError when one stays too long."""
    deadline = time.monotonic() + timeout_seconds
    heartbeat = Heartbeat(settings.heartbeat_dir / "loader.json", clock)
    bounds = Bounds(until_caught_up=True, seconds=timeout_seconds)
    while True:
        try:
            return run_loader(settings, clock=clock, stop=Stop(), bounds=bounds, heartbeat=heartbeat)
        except AlreadyRunningError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LEASE_POLL_SECONDS)


class _Loader:
    def __init__(self, settings: Settings, clock: Clock, stop: Stop, heartbeat: Heartbeat, *, publish: bool) -> None:
        self._settings = settings
        self._clients = Clients(settings)
        self._clock = clock
        self._stop = stop
        self._heartbeat = heartbeat
        self._publisher = Publisher(settings, clock)
        self._publishes = publish
        self._total = LoadResult()
        self._failures = 0
        self._last_error = ""
        self._removed_on: date | None = None

    def run(self, limit: Limit, *, bounded: bool) -> LoadResult:
        while not (self._stop.requested or limit.reached):
            try:
                loaded = load_once(self._settings, self._clients, self._clock, limit.remaining)
                if self._publishes:
                    self._publisher.publish_when_due()
                self._remove_when_due()
            except UnavailableError as error:
                self._on_failure(error, bounded=bounded)
                continue
            self._total += loaded
            limit.add(loaded.records)
            self._failures, self._last_error = 0, ""
            self._heartbeat.beat(self._facts(), now=True)
            if limit.until_caught_up and loaded.remaining == 0:
                break
            if loaded.remaining == 0:
                self._wait(self._settings.warehouse.load_interval_seconds)
        if self._publishes:
            self._publisher.publish()
        self._heartbeat.beat(self._facts(), now=True)
        return self._total

    def _remove_when_due(self) -> None:
        """Once a day, what retention lets go, from the warehouse and from the reader's copy."""
        today = self._clock.now().date()
        days = self._settings.warehouse.retention_days
        if days is None or self._removed_on == today:
            return
        first_kept = today - timedelta(days=days)
        with open_warehouse(self._settings) as connection:
            removed = remove_before(connection, first_kept)
        self._publisher.remove_before(first_kept)
        self._removed_on = today
        if removed:
            log.info("removed %d rows loaded before %s", removed, first_kept)

    def _on_failure(self, error: UnavailableError, *, bounded: bool) -> None:
        self._failures += 1
        self._last_error = str(error)
        self._heartbeat.beat(self._facts(), now=True)
        if bounded and isinstance(error, KafkaUnavailableError):
            raise error
        log.warning("load postponed: %s", error)
        self._wait(min(_LONGEST_WAIT_SECONDS, self._settings.warehouse.load_interval_seconds * self._failures))

    def _wait(self, seconds: float) -> None:
        """Wait, with a sign of life each second."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0 and not self._stop.wait(min(1.0, left)):
            self._heartbeat.beat(self._facts())

    def _facts(self) -> dict[str, Any]:
        return {
            "readings": self._total.readings,
            "dead_letters": self._total.dead_letters,
            "transactions": self._total.transactions,
            "failures": self._failures,
            "last_error": self._last_error,
        }
