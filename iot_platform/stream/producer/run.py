"""Run a source into a stream: take, make durable, deliver, account. The same code in the foreground and supervised."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass

from iot_platform.clock import Clock, SystemClock, unix_millis
from iot_platform.contract.topology import Topology
from iot_platform.errors import UnavailableError
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import Bounds, Heartbeat, Limit, Stop, lease, waited_lease
from iot_platform.settings import Settings
from iot_platform.stream.places import process_name, producer_lease, spool_lock
from iot_platform.stream.producer.delivery import Delivery
from iot_platform.stream.producer.factory import producer_factory
from iot_platform.stream.producer.gate import gate_of
from iot_platform.stream.producer.retry import Phase, RetryPolicy, RetryState
from iot_platform.stream.sources.base import Batch, Source
from iot_platform.stream.spool import Spool, SpooledBatch, SpoolFullError, spool_path

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
"""How long a stop waits for Kafka to take what is in flight; the rest stays in the spool."""
_GATHER_SECONDS = 0.02
"""Readings that come singly are stored together if they come within this time: one fsync for all."""
_STEP_SECONDS = 0.05
_SETTLE_SECONDS = 0.1
_FULL_RETRY_SECONDS = 0.2


@dataclass(frozen=True)
class ProducerResult:
    """What this run did, in readings; `spooled` is what waits now, from earlier runs too."""

    born: int
    acknowledged: int
    refused: int
    quarantined: int
    skipped: int
    spooled: int
    seconds: float
    kafka_away: bool


NOTHING_DONE = ProducerResult(0, 0, 0, 0, 0, 0, 0.0, kafka_away=False)
"""Of a run that was stopped before it began."""


def run_producer(
    settings: Settings,
    source: Source,
    stream_name: str,
    *,
    stop: Stop,
    bounds: Bounds | None = None,
    clock: Clock | None = None,
    heartbeat: Heartbeat | None = None,
) -> ProducerResult:
    """Run `source` into `stream_name` until it is exhausted, the bounds are reached or a stop is requested.

    A bounded run ends when all is acknowledged, or when Kafka counts as away: then `spooled` readings wait for the
    next run. Raises AlreadyRunningError when the slot is taken, DamagedError when the spool's file is unreadable.
    """
    clock = clock or SystemClock()
    beats = settings.heartbeat_dir / f"{process_name(stream_name, source.name)}.json"
    edges = Edges(clock, stop, heartbeat or Heartbeat(beats, clock))
    path = producer_lease(settings, stream_name, source.name)
    with lease(path, f"The producer {stream_name}-{source.name}"):
        return run_slot(settings, source, stream_name, edges, bounds or Bounds())


@dataclass(frozen=True)
class Edges:
    """What of a run is not its own."""

    clock: Clock
    stop: Stop
    heartbeat: Heartbeat


def run_slot(
    settings: Settings, source: Source, stream: str, edges: Edges, bounds: Bounds, generation: int = 0
) -> ProducerResult:
    """As `run_producer`, for who has the slot's lease already. Readings are born in the split `generation`.

    Waits for the spool when another producer has taken it over, and is about to give it back.
    """
    clock, stop = edges.clock, edges.stop
    lock = spool_lock(settings, stream, source.name)
    with closing(source), waited_lease(lock, lambda: not stop.requested) as mine:
        if not mine:
            return NOTHING_DONE
        path = spool_path(settings.spool_dir, stream, source.name)
        with closing(
            Spool(path, settings.producer.spool_max_bytes, settings.producer.spool_max_age_hours * 3600)
        ) as spool:
            spool.begin_generation(generation)
            retry = RetryState(RetryPolicy.of(settings.producer), random.random)
            lets = gate_of(settings, stream, source.name, clock)
            make = producer_factory(settings, stream)
            with closing(Delivery(make, Topology(stream).raw, spool, retry, clock, lets)) as delivery:
                return _Run(settings, source, stream, spool, delivery, edges).until_done(bounds)


class _Run:
    def __init__(
        self, settings: Settings, source: Source, stream: str, spool: Spool, delivery: Delivery, edges: Edges
    ) -> None:
        self._settings = settings.producer
        self._largest_bytes = settings.stream(stream).max_message_bytes
        self._source = source
        self._stream = stream
        self._spool = spool
        self._delivery = delivery
        self._clock, self._stop, self._heartbeat = edges.clock, edges.stop, edges.heartbeat
        self._held: Batch | None = None
        self._exhausted = False
        self._idle = False
        self._ask_at = float("-inf")
        self._settle_at = 0.0
        self._skipped = 0
        self._full = ""
        self._rates = _Rates(self._clock)

    def until_done(self, bounds: Bounds) -> ProducerResult:
        began, before = self._clock.monotonic(), self._spool.counters()
        self._limit = Limit(bounds, self._clock)
        self._source.start(self._spool.cursor)
        try:
            while not self._stop.requested and not self._is_done():
                self._step()
        except UnavailableError:  # of the source: what it gave before is delivered all the same
            self._flush()
            self._beat(now=True)
            raise
        self._flush()
        self._beat(now=True)
        after = self._spool.counters()
        return ProducerResult(
            **{name: after[name] - before[name] for name in after},
            skipped=self._skipped,
            spooled=self._spool.depth().readings,
            seconds=self._clock.monotonic() - began,
            kafka_away=self._delivery.retry.phase is Phase.AWAY,
        )

    def _is_done(self) -> bool:
        """Nothing more is taken, and all is delivered or cannot be."""
        if self._held is not None or not self._taking_is_over():
            return False
        return self._delivery.is_idle or self._delivery.retry.phase is Phase.AWAY

    def _taking_is_over(self) -> bool:
        caught_up = self._limit.until_caught_up and self._idle
        return self._exhausted or self._limit.reached or caught_up

    def _step(self) -> None:
        took = False
        if not self._must_wait():
            took = self._take()
        self._delivery.pump(0.0 if took else self._pause_seconds())
        if self._delivery.retry.phase is not Phase.SENDING and not took:
            self._stop.wait(self._pause_seconds())
        self._settle(took=took)
        self._beat()

    def _must_wait(self) -> bool:
        if self._held is not None:
            return self._clock.monotonic() < self._ask_at
        if self._taking_is_over() or self._clock.monotonic() < self._ask_at:
            return True
        return self._source.can_wait and self._delivery.is_saturated

    def _pause_seconds(self) -> float:
        return max(0.0, min(_STEP_SECONDS, self._ask_at - self._clock.monotonic())) or _GATHER_SECONDS / 10

    def _take(self) -> bool:
        """Take a batch and make it durable; True when there was one and more may follow at once."""
        batch = self._held or self._source.batch(self._batch_limit())
        if not self._store(batch):
            self._held = batch
            self._ask_at = self._clock.monotonic() + _FULL_RETRY_SECONDS
            return False
        self._held = None
        self._exhausted = batch.exhausted
        self._idle = not batch.readings
        self._skipped += batch.skipped
        self._limit.add(len(batch.readings))
        full_batch = len(batch.readings) >= self._batch_limit()
        self._ask_at = self._clock.monotonic() + (0.0 if full_batch else max(batch.wait_seconds, _GATHER_SECONDS))
        return bool(batch.readings)

    def _batch_limit(self) -> int:
        remaining = self._limit.remaining
        return self._settings.batch_readings if remaining is None else min(self._settings.batch_readings, remaining)

    def _store(self, batch: Batch) -> bool:
        """False when the batch must be offered again later."""
        if not batch.readings and not batch.skipped and not batch.exhausted:
            return True
        fitting = [r for r in batch.readings if r.value is None or len(r.value) <= self._largest_bytes]
        refused = Counter(too_large=len(batch.readings) - len(fitting))
        faultpoint("producer.before_spool")
        try:
            batch_id = self._spool.append(fitting, batch.cursor, +refused)
        except SpoolFullError as full:
            self._tell_full(full)
            return not self._source.can_wait and self._refuse(batch, full.reason)
        faultpoint("producer.after_spool")
        self._full = ""
        if fitting:
            self._delivery.offer(SpooledBatch(batch_id, fitting, self._spool.generation))
        self._source.accepted(batch)
        return True

    def _refuse(self, batch: Batch, reason: str) -> bool:
        """Count what a source that cannot wait has lost to a full spool; False when not even that could be written."""
        try:
            self._spool.append((), batch.cursor, {reason: len(batch.readings)})
        except SpoolFullError:
            return False
        return True

    def _tell_full(self, full: SpoolFullError) -> None:
        if not self._full:
            log.warning("%s", full)
        self._full = str(full)

    def _settle(self, *, took: bool) -> None:
        """Acknowledgements go with the next batch; without one, by themselves, a few times a second."""
        now = self._clock.monotonic()
        if took or not self._spool.unsettled:
            self._settle_at = now + _SETTLE_SECONDS
        elif now >= self._settle_at:
            try:
                self._spool.settle()
            except SpoolFullError as full:
                self._tell_full(full)
                self._settle_at = now + _FULL_RETRY_SECONDS

    def _flush(self) -> None:
        """Let Kafka take what is in flight, for a bounded time, whatever clock the run goes by."""
        deadline, delivery = time.monotonic() + FLUSH_SECONDS, self._delivery
        while not delivery.is_idle and delivery.retry.phase is Phase.SENDING and time.monotonic() < deadline:
            delivery.pump(_STEP_SECONDS)
            if delivery.is_held_back and not delivery.readings_in_flight:
                break
        self._spool.settle()

    def _beat(self, *, now: bool = False) -> None:
        if not self._heartbeat.is_due and not now:
            return
        counters, depth, retry = self._spool.counters(), self._spool.depth(), self._delivery.retry
        oldest = depth.oldest_accepted_at_ms
        self._heartbeat.beat(
            {
                "role": "producer",
                "stream": self._stream,
                "source": self._source.name,
                "phase": retry.phase.value,
                **counters,
                "spooled": depth.readings,
                "spool_bytes": depth.bytes,
                "spool_full": bool(self._full),
                "problem": self._full,
                "oldest_age_seconds": 0 if oldest is None else (unix_millis(self._clock.now()) - oldest) / 1000,
                **self._delivery.facts(),
                "skipped": self._skipped,
                "rates": self._rates.since_last(counters),
                "failed_attempts": retry.failures,
                "kafka_error": self._delivery.last_error,
                "incidents": [
                    {**asdict(one), "began_at": one.began_at.isoformat(), "attempts": list(one.attempts)}
                    for one in retry.incidents
                ],
            },
            now=True,
        )


class _Rates:
    """Readings a second between two looks at the counters."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.monotonic()
        self._last: dict[str, int] | None = None

    def since_last(self, counters: dict[str, int]) -> dict[str, float]:
        now, last = self._clock.monotonic(), self._last or counters
        seconds = max(now - self._at, 1e-9)
        self._at, self._last = now, counters
        return {name: round((counters[name] - last[name]) / seconds, 1) for name in ("born", "acknowledged")}
