"""From the spool to Kafka, in order, through outages.

Batches go in the order of the spool. What was just stored goes from memory; after a failed attempt everything that
is not acknowledged goes again, from the spool. So a live reading never overtakes a spooled one, and what arrives
twice is for the validator's deduplication. librdkafka never gives up on a message by itself (message.timeout.ms=0):
if one failed alone, those behind it would overtake it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from iot_platform.clock import Clock
from iot_platform.faultpoints import faultpoint
from iot_platform.stream.producer.attempt import Attempt
from iot_platform.stream.producer.gate import Lets, lets_all
from iot_platform.stream.producer.latency import Latency
from iot_platform.stream.producer.retry import Phase, RetryState
from iot_platform.stream.spool import Spool, SpooledBatch

log = logging.getLogger(__name__)

MAX_READINGS_IN_FLIGHT = 40_000
_FRESH_BATCHES = 8
_PROBE_TIMEOUT_SECONDS = 0.5

MakeProducer = Callable[[Mapping[str, Any]], Producer]
"""Makes an idempotent producer with some librdkafka properties of the caller's."""


class Delivery:
    """Drains one spool into one topic. Used by one thread, which calls `pump` again and again."""

    def __init__(
        self, make: MakeProducer, topic: str, spool: Spool, retry: RetryState, clock: Clock, lets: Lets = lets_all
    ) -> None:
        self._make = make
        self._lets = lets
        self._topic = topic
        self._spool = spool
        self._clock = clock
        self.retry = retry
        self.last_error = ""
        self.latency = Latency()
        self._attempt: Attempt | None = None
        self._probe: Producer | None = None
        self._fresh: deque[SpooledBatch] = deque()
        self._read_ahead: SpooledBatch | None = None  # from the spool, and not let go yet
        self.is_held_back = False
        self._isolating = False
        self._behind = True  # the spool may hold batches that are not in `_fresh`
        self._handed_id = 0
        self._head: tuple[int, float] | None = None

    @property
    def is_idle(self) -> bool:
        """Everything stored is acknowledged."""
        return not self._behind and not self._fresh and self.readings_in_flight == 0

    @property
    def is_saturated(self) -> bool:
        """Kafka takes less than the source gives: a source that can wait should."""
        if self.is_held_back or self._behind:
            return False
        return self.retry.phase is Phase.SENDING and len(self._fresh) >= _FRESH_BATCHES

    @property
    def readings_in_flight(self) -> int:
        return self._attempt.readings_in_flight if self._attempt else 0

    def facts(self) -> dict[str, Any]:
        """What a sign of life tells of it."""
        return {
            "waits_for_older_spools": self.is_held_back,
            "in_flight": self.readings_in_flight,
            "writes": self.latency.batches,
            "write_seconds": round(self.latency.seconds, 3),
        }

    def offer(self, batch: SpooledBatch) -> None:
        """A batch was stored. Every stored batch is offered, or the order is lost."""
        if self._behind or len(self._fresh) >= _FRESH_BATCHES:
            self._fresh.clear()
            self._behind = True
        else:
            self._fresh.append(batch)

    def pump(self, timeout_seconds: float) -> None:
        """Send what can be sent, serve reports for at most `timeout_seconds`, act on failures."""
        if self.retry.phase is not Phase.SENDING:
            self._resume_when_due()
        if self.retry.phase is not Phase.SENDING:
            return
        attempt = self._attempt = self._attempt or self._begin()
        self._fill(attempt)
        attempt.poll(timeout_seconds)
        self._note_delivered(attempt)
        if self._attempt:
            self._watch(attempt)

    def take_no_more(self) -> None:
        """Send nothing that is not in flight already."""
        self._lets = lambda _generation: False

    def close(self) -> None:
        """End without waiting; what is not acknowledged stays in the spool."""
        if self._attempt:
            self._attempt.abandon()
        self._attempt = self._probe = None

    def _begin(self) -> Attempt:
        one_by_one = {"batch.num.messages": 1} if self._isolating else {}
        producer = self._make({"error_cb": self._on_error, **one_by_one})
        return Attempt(producer, self._topic, isolating=self._isolating)

    def _on_error(self, error: KafkaError) -> None:
        self.last_error = error.str()
        if error.fatal() and self._attempt:
            self._attempt.fail(self.last_error)

    def _fill(self, attempt: Attempt) -> None:
        attempt.hand_over()
        while attempt.has_room and not attempt.failure and attempt.readings_in_flight < MAX_READINGS_IN_FLIGHT:
            batch = self._next()
            if batch is None:
                return
            self._handed_id = batch.id
            attempt.send(batch)
            self.latency.handed(batch.id, self._clock.monotonic())

    def _next(self) -> SpooledBatch | None:
        """The next batch that may go. `is_held_back`: there is one, and it may not."""
        batch = self._fresh[0] if self._fresh else self._from_spool()
        self.is_held_back = batch is not None and not self._lets(batch.generation)
        if self.is_held_back:
            return None
        self._read_ahead = None
        return self._fresh.popleft() if self._fresh else batch

    def _from_spool(self) -> SpooledBatch | None:
        if self._behind and self._read_ahead is None:
            self._read_ahead = self._spool.after(self._handed_id)
            self._behind = self._read_ahead is not None
        return self._read_ahead

    def _note_delivered(self, attempt: Attempt) -> None:
        for done in attempt.delivered():
            if done.refused:
                log.error("topic %s refused readings for good: %s", self._topic, dict(done.refused))
            faultpoint("producer.after_ack")
            self._spool.acknowledge(done.batch.id, done.offsets, done.refused)
            self.latency.acknowledged(done.batch.id, self._clock.monotonic())
            self.last_error = ""
            if self.retry.delivered():
                log.warning("topic %s: %s", self._topic, self.retry.incidents[-1].outcome)
            if attempt.isolating:
                self._isolating = False
                self._drop(attempt, sent_up_to=done.batch.id)

    def _watch(self, attempt: Attempt) -> None:
        """Fail the attempt when it says so itself, or when its oldest batch makes no progress."""
        if attempt.must_isolate:
            log.warning("topic %s refused a request for good; its readings go one by one", self._topic)
            self._isolating = True
            self._drop(attempt)
            return
        now = self._clock.monotonic()
        if attempt.head is None:
            self._head = None
        elif self._head is None or self._head[0] != attempt.head:
            self._head = (attempt.head, now)
        if not attempt.failure and self.retry.policy.has_stalled(self._head and self._head[1], now):
            attempt.fail(
                f"nothing acknowledged for {self.retry.policy.delivery_timeout_seconds:g} s"
                + (f"; {self.last_error}" if self.last_error else "")
            )
        if attempt.failure:
            self._give_up(attempt)

    def _give_up(self, attempt: Attempt) -> None:
        why = attempt.failure
        self._drop(attempt)
        wait_seconds = self.retry.failed(why, self._clock.monotonic(), self._clock.now())
        log.warning(
            "topic %s: attempt %d failed (%s); %s, next in %.1f s",
            self._topic,
            self.retry.failures,
            why,
            self.retry.phase,
            wait_seconds,
        )

    def _drop(self, attempt: Attempt, sent_up_to: int = 0) -> None:
        """End the attempt; the next begins behind batch `sent_up_to`, with what the spool still holds."""
        attempt.abandon()
        self.latency.dropped()
        self._attempt, self._head = None, None
        self._fresh.clear()
        self._read_ahead = None
        self._behind, self._handed_id = True, sent_up_to

    def _resume_when_due(self) -> None:
        if not self.retry.is_due(self._clock.monotonic()):
            return
        if self.retry.phase is Phase.AWAY and not self._kafka_answers():
            self.retry.probe_failed(self._clock.monotonic())
            return
        self._probe = None
        self.retry.resumed()

    def _kafka_answers(self) -> bool:
        """Whether Kafka knows the topic. Short: the source is waiting meanwhile."""
        self._probe = self._probe or self._make({"error_cb": self._on_error})
        try:
            metadata = self._probe.list_topics(self._topic, timeout=_PROBE_TIMEOUT_SECONDS)
        except KafkaException as error:
            self.last_error = error.args[0].str()
            return False
        return metadata.topics[self._topic].error is None
