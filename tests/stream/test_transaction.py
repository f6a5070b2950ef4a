"""What a transaction's owner is told: of errors by their flags, of doubt, and of calls that never return."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from iot_platform.clock import SystemClock
from iot_platform.stream import transaction
from iot_platform.stream.connections import ConnectionWatch
from iot_platform.stream.patience import CallLostError, PatientThread
from iot_platform.stream.transaction import AbortRequiredError, RefusedError, SessionLostError, Transactions


class ScriptedProducer:
    """Stands in for a client and its consumer: each call does what the script says, and well when it says nothing."""

    def __init__(self, **script: list[Callable[[], Any]]) -> None:
        self._script = script
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: Any, **__: Any) -> Any:
            self.calls.append(name)
            planned = self._script.get(name)
            return planned.pop(0)() if planned else 0

        return call


def transactions_of(producer: ScriptedProducer, seconds: float = 5, watch: ConnectionWatch | None = None) -> Any:
    return Transactions(producer, seconds, SystemClock(), watch or silent())  # type: ignore[arg-type]


def silent() -> ConnectionWatch:
    return ConnectionWatch(logging.getLogger("test"))


def lose_connection(watch: ConnectionWatch, state: str = "UP") -> None:
    text = f"127.0.0.1:1: Disconnected: connection closed by peer (after 4159ms in state {state})"
    watch.log(logging.INFO, "%s [%s] %s", "FAIL", "producer-1", text)


def failing(code: int, *, fatal: bool = False, retriable: bool = False, abort: bool = False) -> Callable[[], Any]:
    def fail() -> None:
        raise KafkaException(KafkaError(code, "scripted", fatal=fatal, retriable=retriable, txn_requires_abort=abort))

    return fail


def one_transaction(transactions: Transactions, producer: Any) -> None:
    transactions.begin()
    transactions.produce("topic", 0, value=b"")
    transactions.commit([], producer)


E = KafkaError


@pytest.mark.parametrize("call", ["flush", "send_offsets_to_transaction", "commit_transaction"])
@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (failing(E._FENCED), SessionLostError),  # also a transaction that took too long
        (failing(E._FENCED, abort=True), SessionLostError),
        (failing(E._FATAL), SessionLostError),  # what calls after a fatal error raise, without its flag
        (failing(E.INVALID_PRODUCER_EPOCH, fatal=True), SessionLostError),
        (failing(E.TOPIC_AUTHORIZATION_FAILED, fatal=True), SessionLostError),
        (failing(E.MSG_SIZE_TOO_LARGE, fatal=True, abort=True), SessionLostError),
        (failing(E.UNKNOWN_MEMBER_ID, abort=True), AbortRequiredError),  # a zombie, after its partitions moved
        (failing(E.ILLEGAL_GENERATION, abort=True), AbortRequiredError),
        (failing(E._TIMED_OUT, abort=True), AbortRequiredError),
        (failing(E._TIMED_OUT, abort=True, retriable=True), AbortRequiredError),
        (failing(E.TOPIC_AUTHORIZATION_FAILED, abort=True), AbortRequiredError),
        (failing(E._STATE), SessionLostError),  # no flag: librdkafka says to treat it as fatal
        (failing(E.MSG_SIZE_TOO_LARGE, abort=True), RefusedError),
        (failing(E.RECORD_LIST_TOO_LARGE, abort=True), RefusedError),
        (failing(E.INVALID_RECORD, abort=True), RefusedError),
        (failing(E.INVALID_TIMESTAMP, abort=True), RefusedError),
    ],
)
def test_f12_an_error_means_what_its_flags_say(call: str, failure: Callable[[], Any], meaning: type[Exception]) -> None:
    producer = ScriptedProducer(**{call: [failure]})
    with pytest.raises((AbortRequiredError, SessionLostError)) as raised:
        one_transaction(transactions_of(producer), producer)
    assert raised.type is meaning


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (failing(E.MSG_SIZE_TOO_LARGE), RefusedError),
        (failing(E.MSG_SIZE_TOO_LARGE, fatal=True), SessionLostError),
        (failing(E._FATAL), SessionLostError),
        (failing(E._STATE), SessionLostError),
        ("\ud800".encode, RefusedError),
        (lambda: int("x"), RefusedError),
    ],
)
def test_f30_what_the_client_does_not_take_is_refused_and_nothing_else_is(
    failure: Callable[[], Any], meaning: type[Exception]
) -> None:
    producer = ScriptedProducer(produce=[failure])
    with pytest.raises((AbortRequiredError, SessionLostError)) as raised:
        one_transaction(transactions_of(producer), producer)
    assert raised.type is meaning


def test_a_full_queue_is_waited_for() -> None:
    def full() -> None:
        raise BufferError

    producer = ScriptedProducer(produce=[full, full])
    one_transaction(transactions_of(producer), producer)
    assert producer.calls.count("produce") == 3
    assert producer.calls.count("commit_transaction") == 1


@pytest.mark.parametrize("call", ["send_offsets_to_transaction", "commit_transaction"])
def test_f12_a_request_that_was_repeated_leaves_no_next_transaction_to_this_producer(call: str) -> None:
    producer = ScriptedProducer(**{call: [failing(E._TIMED_OUT, retriable=True)]})
    transactions = transactions_of(producer)
    one_transaction(transactions, producer)
    assert producer.calls.count(call) == 2
    with pytest.raises(SessionLostError, match="sent twice"):
        transactions.begin()


def test_f12_an_abort_that_was_repeated_leaves_no_next_transaction_to_this_producer() -> None:
    producer = ScriptedProducer(abort_transaction=[failing(E._TIMED_OUT, retriable=True)])
    transactions = transactions_of(producer)
    transactions.begin()
    transactions.abort()
    with pytest.raises(SessionLostError, match="sent twice"):
        transactions.begin()


@pytest.mark.parametrize("call", ["flush", "send_offsets_to_transaction", "commit_transaction"])
def test_f12_a_connection_lost_within_a_transaction_leaves_no_next_one_to_this_producer(call: str) -> None:
    watch = silent()

    def lose() -> int:  # librdkafka then repeats the request by itself, and only its log says so
        lose_connection(watch)
        return 0

    producer = ScriptedProducer(**{call: [lose]})
    transactions = transactions_of(producer, watch=watch)
    one_transaction(transactions, producer)
    with pytest.raises(SessionLostError, match="Disconnected"):
        transactions.begin()


def test_a_server_that_never_answered_is_no_lost_connection() -> None:
    watch = silent()
    producer = ScriptedProducer()
    transactions = transactions_of(producer, watch=watch)
    lose_connection(watch, state="CONNECT")
    one_transaction(transactions, producer)
    one_transaction(transactions, producer)
    assert producer.calls.count("commit_transaction") == 2


def test_warnings_of_a_watched_client_are_logged_and_what_is_less_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    watch = silent()
    lose_connection(watch)
    watch.log(logging.WARNING, "%s [%s] %s", "GETPID", "producer-1", "retrying")
    assert [record.getMessage() for record in caplog.records] == ["GETPID [producer-1] retrying"]


def test_a_retriable_error_is_repeated_no_longer_than_the_step_may_take() -> None:
    always = [failing(E.COORDINATOR_NOT_AVAILABLE, retriable=True)] * 100_000
    producer = ScriptedProducer(commit_transaction=always)
    with pytest.raises(SessionLostError, match="COORDINATOR_NOT_AVAILABLE"):
        one_transaction(transactions_of(producer, seconds=0.2), producer)


def test_repeating_the_start_leaves_no_doubt() -> None:
    producer = ScriptedProducer(init_transactions=[failing(E._TIMED_OUT, retriable=True)])
    transactions = transactions_of(producer)
    transactions.start()
    one_transaction(transactions, producer)
    assert producer.calls.count("init_transactions") == 2


class StuckProducer(ScriptedProducer):
    """A client whose send_offsets_to_transaction never returns, as librdkafka #5456 describes."""

    def __init__(self) -> None:
        self.released = threading.Event()
        super().__init__(send_offsets_to_transaction=[self.released.wait])


@pytest.fixture
def stuck() -> Iterator[Any]:
    producer = StuckProducer()
    yield producer
    producer.released.set()


def test_a_call_that_never_returns_costs_the_session_and_nothing_else(
    stuck: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_GRACE_SECONDS", 0.05)
    transactions = transactions_of(stuck, seconds=0.1)
    transactions.begin()
    began = time.monotonic()
    with pytest.raises(SessionLostError, match="send_offsets_to_transaction has not returned"):
        transactions.commit([], stuck)
    assert time.monotonic() - began < 10
    transactions.close()


def test_a_patient_thread_passes_results_and_errors_on() -> None:
    patient = PatientThread("test")
    assert patient.call(lambda: 7, 10) == 7
    with pytest.raises(ZeroDivisionError):
        patient.call(lambda: 1 // 0, 10)
    assert patient.call(lambda: 8, 10) == 8
    patient.close()


def test_a_patient_thread_gives_up_and_ends() -> None:
    patient, released = PatientThread("to be stuck"), threading.Event()
    with pytest.raises(CallLostError):
        patient.call(released.wait, 0.05)
    patient.close()
    released.set()
    for thread in threading.enumerate():
        if thread.name == "to be stuck":
            thread.join(10)
            assert not thread.is_alive()
