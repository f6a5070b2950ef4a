"""One attempt at delivery: the life of one Kafka producer, from its making to its end."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterator
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from iot_platform.stream.client_errors import unmasked
from iot_platform.stream.spool import SpooledBatch

log = logging.getLogger(__name__)

# Kafka will never take such a record, however often it is sent: refused and counted, by the error's name.
_PERMANENT = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG_SIZE})
_LAST_REPORTS_SECONDS = 1.0


class InFlight:
    """A batch handed to librdkafka, in whole or in part, and what came of it."""

    def __init__(self, batch: SpooledBatch, *, alone: bool) -> None:
        self.batch = batch
        self._alone = alone
        self.suspected = False
        self.handed = 0
        self.reported = 0
        self.offsets: dict[int, int] = {}
        self.refused: Counter[str] = Counter()
        self.failure = ""

    @property
    def is_done(self) -> bool:
        return self.reported == len(self.batch.readings) and not self.failure

    def report(self, error: KafkaError | None, message: Message) -> None:
        """librdkafka's delivery report for one reading, in order within a partition."""
        if error is None:
            self.offsets[cast("int", message.partition())] = cast("int", message.offset())
        elif error.code() in _PERMANENT:
            # Kafka refuses all records that travelled in one request: who is guilty shows only when each goes alone.
            if not self._alone:
                self.suspected = True
                return
            self.refused[error.name()] += 1
        else:
            self.failure = error.str()
            return
        self.reported += 1


class Attempt:
    """Sends batches in order through one producer. `failure` says why it is over, if it is.

    `isolating`: the producer puts each reading into a request of its own, so that Kafka refuses just the guilty one.
    Never raises for what Kafka does; the caller asks `failure` after each step.
    """

    def __init__(self, producer: Producer, topic: str, *, isolating: bool = False) -> None:
        self._producer = producer
        self.isolating = isolating
        self._topic = topic
        self._in_flight: deque[InFlight] = deque()
        self._failure = ""
        self.readings_in_flight = 0

    @property
    def failure(self) -> str:
        """Set for good by a fatal error, or by a report that means the order is broken."""
        return self._failure or next((one.failure for one in self._in_flight if one.failure), "")

    @property
    def must_isolate(self) -> bool:
        """Whether Kafka refused a request for good, and with it perhaps innocent readings."""
        return any(one.suspected for one in self._in_flight)

    @property
    def head(self) -> int | None:
        """The id of the oldest batch that is not through."""
        return self._in_flight[0].batch.id if self._in_flight else None

    @property
    def has_room(self) -> bool:
        """Whether the next batch may follow: the last went to librdkafka whole or, when isolating, is through."""
        if not self._in_flight:
            return True
        return not self.isolating and self._in_flight[-1].handed == len(self._in_flight[-1].batch.readings)

    def fail(self, why: str) -> None:
        self._failure = self._failure or why

    def send(self, batch: SpooledBatch) -> None:
        self._in_flight.append(InFlight(batch, alone=self.isolating))
        self.readings_in_flight += len(batch.readings)
        self.hand_over()

    def hand_over(self) -> None:
        """Give librdkafka what it takes of the last batch; the rest another time when its queue is full."""
        if not self._in_flight:
            return
        last = self._in_flight[-1]
        readings, produce, topic, report = last.batch.readings, self._producer.produce, self._topic, last.report
        while last.handed < len(readings):
            reading = readings[last.handed]
            try:
                produce(topic, reading.value, reading.key, on_delivery=report, timestamp=reading.accepted_at_ms)
            except BufferError:
                return
            except KafkaException as error:
                if not self._refuse(last, error.args[0]):
                    return
            last.handed += 1

    def poll(self, timeout_seconds: float) -> None:
        """Serve delivery reports."""
        try:
            with unmasked():
                self._producer.poll(timeout_seconds)
        except KafkaException as error:
            self.fail(error.args[0].str())

    def delivered(self) -> Iterator[InFlight]:
        """Batches that are through, oldest first; each is given once."""
        while self._in_flight and self._in_flight[0].is_done:
            done = self._in_flight.popleft()
            self.readings_in_flight -= len(done.batch.readings)
            yield done

    def abandon(self) -> None:
        """End the producer without waiting for Kafka. What was not reported may or may not have arrived."""
        self._in_flight.clear()
        try:
            with unmasked():
                self._producer.purge(in_queue=True, in_flight=True, blocking=False)
                self._producer.flush(_LAST_REPORTS_SECONDS)
        except KafkaException as error:  # a producer with a fatal error says it once more
            log.debug("while the producer ended: %s", error)

    def _refuse(self, one: InFlight, error: KafkaError) -> bool:
        """True when the error is the reading's own and it is counted; else the attempt has failed."""
        if error.code() not in _PERMANENT:
            self.fail(error.str())
            return False
        one.refused[error.name()] += 1
        one.reported += 1
        return True
