"""Deliver what waits in the spool of a producer that is not there: by a producer that lives, or by `drain`."""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from confluent_kafka import KafkaException

from iot_platform.clock import Clock
from iot_platform.contract.topology import Topology
from iot_platform.errors import PlatformError
from iot_platform.lifecycle import is_held, waited_lease
from iot_platform.settings import Settings
from iot_platform.stream.places import part_of, producer_lease, spool_lock
from iot_platform.stream.producer.delivery import Delivery
from iot_platform.stream.producer.factory import producer_factory
from iot_platform.stream.producer.gate import gate_of, spools_of
from iot_platform.stream.producer.retry import Phase, RetryPolicy, RetryState
from iot_platform.stream.spool import Spool, lowest_waiting, spool_path

log = logging.getLogger(__name__)

_SCAN_SECONDS = 2.0
_AFTER_FAILURE_SECONDS = 10.0
_STEP_SECONDS = 0.05
_LAST_REPORTS_SECONDS = 5.0

GoOn = Callable[[], bool]


@dataclass(frozen=True)
class Orphan:
    """A spool in which readings wait while nobody has its producer's lease."""

    stream: str
    source: str
    wanted: bool
    """Whether its producer is to come back."""


def is_due(orphan: Orphan, free_seconds: float, takeover_seconds: float) -> bool:
    """Whether to take over now: at once what nobody comes back for, else after a wait."""
    return not orphan.wanted or free_seconds >= takeover_seconds


def drain_spool(settings: Settings, stream: str, source: str, clock: Clock, go_on: GoOn) -> int:
    """Deliver the spool in order until it is empty, `go_on` says no, Kafka is away, or older spools must go first.

    Returns how many readings were delivered; 0 when another process has the spool.
    """
    path = spool_path(settings.spool_dir, stream, source)
    with waited_lease(spool_lock(settings, stream, source), lambda: False) as mine:
        if not mine:
            return 0
        with closing(Spool(path, settings.producer.spool_max_bytes)) as spool:
            before = spool.counters()["acknowledged"]
            retry = RetryState(RetryPolicy.of(settings.producer), random.random)
            lets = gate_of(settings, stream, source, clock)
            make = producer_factory(settings, stream)
            with closing(Delivery(make, Topology(stream).raw, spool, retry, clock, lets)) as delivery:
                _pump(delivery, spool, go_on)
            spool.settle()
            return spool.counters()["acknowledged"] - before


def _pump(delivery: Delivery, spool: Spool, go_on: GoOn) -> None:
    while go_on() and not delivery.is_idle and delivery.retry.phase is not Phase.AWAY:
        delivery.pump(_STEP_SECONDS)
        if delivery.is_held_back and not delivery.readings_in_flight:
            return
        if delivery.retry.phase is not Phase.SENDING:
            time.sleep(_STEP_SECONDS)
        spool.settle()
    delivery.take_no_more()
    deadline = time.monotonic() + _LAST_REPORTS_SECONDS
    while delivery.readings_in_flight and delivery.retry.phase is Phase.SENDING and time.monotonic() < deadline:
        delivery.pump(_STEP_SECONDS)


class Guardian:
    """Looks for orphaned spools of all streams every other second, and delivers them, in a thread of its own.

    A producer that comes back finds its lease free and waits for its spool: it is given up within a moment.
    """

    def __init__(self, settings: Settings, stream: str, source: str, clock: Clock) -> None:
        self._settings = settings
        self._own = (stream, source)
        self._clock = clock
        self._free_since: dict[tuple[str, str], float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="takeover", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(_SCAN_SECONDS):
            try:
                for orphan in self._due():
                    self._take_over(orphan)
            except (PlatformError, KafkaException, sqlite3.Error, OSError) as error:
                # Another's trouble must not end the producer that helps.
                log.warning("orphaned spools wait: %s", error)
                self._over.wait(_AFTER_FAILURE_SECONDS)

    def _due(self) -> list[Orphan]:
        now, orphans = self._clock.monotonic(), {(one.stream, one.source): one for one in self._orphans()}
        self._free_since = {place: self._free_since.get(place, now) for place in orphans}
        wait_seconds = self._settings.producer.takeover_seconds
        return [one for place, one in orphans.items() if is_due(one, now - self._free_since[place], wait_seconds)]

    def _orphans(self) -> Iterator[Orphan]:
        for stream in self._settings.streams:
            for source, path in spools_of(self._settings, stream):
                lease = producer_lease(self._settings, stream, source)
                if (stream, source) != self._own and not is_held(lease) and lowest_waiting(path) is not None:
                    yield Orphan(stream, source, wanted=is_wanted(self._settings, stream, source))

    def _take_over(self, orphan: Orphan) -> None:
        lease = producer_lease(self._settings, orphan.stream, orphan.source)
        place = f"{orphan.stream}-{orphan.source}"

        def go_on() -> bool:
            return not self._over.is_set() and not is_held(lease)

        delivered = drain_spool(self._settings, orphan.stream, orphan.source, self._clock, go_on)
        if delivered:
            log.warning("took over the spool of %s, whose producer is gone: %d readings delivered", place, delivered)


def is_wanted(settings: Settings, stream: str, source: str) -> bool:
    """Whether the producer of this spool is to run by the settings; a file may be sent again by a person."""
    part = part_of(source)
    return part is None or (stream == settings.fleet.stream and part < settings.fleet.producers)


@contextmanager
def guarding(settings: Settings, stream: str, source: str, clock: Clock) -> Iterator[None]:
    """Within the block, the producer of `source` also looks after spools whose own producers are gone."""
    guardian = Guardian(settings, stream, source, clock)
    guardian.start()
    try:
        yield
    finally:
        guardian.close()
