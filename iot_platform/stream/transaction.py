"""One transactional producer, and what its errors mean.

librdkafka tells with each error what is still possible; this module turns that into exceptions, so that the validator's
loop has three cases and no flags (docs/decisions/0004-transactions.md):

    AbortRequiredError      the transaction failed, the producer lives: abort, seek back, go on
    └── RefusedError        … because of what is in a record: the same again would fail again
    SessionLostError        the producer is fenced or in doubt: close it and the consumer, build both anew
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from iot_platform.clock import Clock
from iot_platform.faultpoints import faultpoint
from iot_platform.stream.client_errors import unmasked
from iot_platform.stream.connections import ConnectionWatch
from iot_platform.stream.patience import CallLostError, PatientThread

log = logging.getLogger(__name__)

_QUEUE_WAIT_SECONDS = 0.1
_GRACE_SECONDS = 5.0
"""How much longer than its timeout a call may take before it counts as stuck (librdkafka #5456, #5511)."""


class AbortRequiredError(Exception):
    pass


class RefusedError(AbortRequiredError):
    pass


class SessionLostError(Exception):
    pass


# What says something of a record, and nothing of Kafka's health, the cluster's load or our rights.
_REFUSALS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.INVALID_RECORD,
    }
)


class Transactions:
    """Runs transactions one after another under one transactional.id."""

    def __init__(self, producer: Producer, timeout_seconds: float, clock: Clock, connections: ConnectionWatch) -> None:
        """`timeout_seconds` bounds each step, its retries included; `connections` watches the producer."""
        self._producer = producer
        self._connections = connections
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._in_doubt = False
        self._doubt = ""
        self._patient = PatientThread("transactions")

    def start(self) -> None:
        """Fence any earlier holder of the transactional.id and end what it left open. Call once."""
        self._step("init_transactions", self._producer.init_transactions)
        self._in_doubt = False  # each try of it has an epoch of its own

    def begin(self) -> None:
        self._note_losses()
        if self._in_doubt:
            # The first of the two requests may still be under way, and would end or change the next transaction:
            # this client has no epoch of its own for each transaction (KIP-890 part 2).
            raise SessionLostError(f"a request of the last transaction may have been sent twice ({self._doubt})")
        faultpoint("validator.before_begin")
        self._step("begin_transaction", lambda _timeout: self._producer.begin_transaction())
        faultpoint("validator.after_begin")

    def produce(self, topic: str, partition: int, **record: Any) -> None:
        """Queue one record, waiting for room. Failures of delivery show in `commit`.

        Raises RefusedError when the client does not take this record.
        """
        while True:
            try:
                self._producer.produce(topic, partition=partition, **record)
            except BufferError:
                self._poll(_QUEUE_WAIT_SECONDS)
            except KafkaException as error:
                raise self._meaning_of_refusal(error) from error
            except (ValueError, TypeError, OverflowError) as error:  # such as text that is no UTF-8
                raise RefusedError(f"{type(error).__name__}: {error}") from error
            else:
                return

    @staticmethod
    def _meaning_of_refusal(error: KafkaException) -> AbortRequiredError | SessionLostError:
        """`produce` has no flags: a record that it refuses by itself leaves the transaction as it was."""
        kafka_error: KafkaError = error.args[0]
        if kafka_error.code() in _REFUSALS and not kafka_error.fatal():
            return RefusedError(f"{kafka_error.name()}: {kafka_error.str()}")
        return _meaning(error)

    def commit(self, offsets: list[TopicPartition], consumer: Consumer) -> None:
        """Offsets (the next to read) and all that was produced become visible together, or not at all."""
        faultpoint("validator.after_produce")
        # The ledger's record must be in its log before the offsets are: a later owner that sees no open transaction
        # there may then trust that none is under way (changelog.py).
        self._step("flush", self._flush)
        faultpoint("validator.after_flush")
        metadata = consumer.consumer_group_metadata()  # asked anew each time: it carries the fence
        self._step(
            "send_offsets_to_transaction",
            lambda timeout: self._producer.send_offsets_to_transaction(offsets, metadata, timeout),
        )
        faultpoint("validator.after_send_offsets")
        self._step("commit_transaction", self._producer.commit_transaction)
        faultpoint("validator.after_commit")

    def close(self) -> None:
        """Use it no more. A transaction that is open stays so until its id is used again, or its time is over."""
        self._patient.close()

    def _flush(self, timeout: float) -> None:
        if self._producer.flush(timeout) > 0:
            raise SessionLostError("Kafka has not taken the records of the transaction in time")

    def abort(self) -> None:
        self._step("abort_transaction", self._producer.abort_transaction)

    def _note_losses(self) -> None:
        """librdkafka repeats by itself what a lost connection may or may not have brought to Kafka."""
        self._poll(0)  # what the client logs is told in here
        if self._connections.losses:
            self._in_doubt, self._doubt = True, self._connections.last

    def _poll(self, seconds: float) -> None:
        try:
            with unmasked():
                self._producer.poll(seconds)
        except KafkaException as error:
            raise _meaning(error) from error

    def _step(self, name: str, call: Callable[[float], Any]) -> None:
        deadline = self._clock.monotonic() + self._timeout_seconds
        while True:
            timeout = max(0.1, deadline - self._clock.monotonic())
            try:
                with unmasked():
                    self._patient.call(partial(call, timeout), timeout + _GRACE_SECONDS)
            except CallLostError:
                raise SessionLostError(f"{name} has not returned in its time") from None
            except KafkaException as error:
                meaning = _meaning(error)
                if not error.args[0].retriable() or self._clock.monotonic() >= deadline:
                    raise meaning from error
                if isinstance(meaning, AbortRequiredError):
                    raise meaning from error
                log.warning("%s is repeated: %s", name, error.args[0].str())
                self._in_doubt, self._doubt = True, f"{name} was repeated"
            else:
                return


def _meaning(error: KafkaException) -> AbortRequiredError | SessionLostError:
    """What an error of the transactional producer asks for; in doubt, a new session."""
    kafka_error: KafkaError = error.args[0]
    text = f"{kafka_error.name()}: {kafka_error.str()}"
    if kafka_error.fatal() or kafka_error.code() in (KafkaError._FATAL, KafkaError._FENCED):  # noqa: SLF001
        return SessionLostError(text)
    if kafka_error.txn_requires_abort():
        return RefusedError(text) if kafka_error.code() in _REFUSALS else AbortRequiredError(text)
    return SessionLostError(text)
