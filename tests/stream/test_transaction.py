"""What a transaction's owner sees when librdkafka does not keep to its own limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from iot_platform.clock import SystemClock
from iot_platform.stream import transaction
from iot_platform.stream.patience import CallLostError, PatientThread
from iot_platform.stream.transaction import SessionLostError, Transactions


class StuckProducer:
    """Stands in for a client whose send_offsets_to_transaction never returns, as librdkafka #5456 describes."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def begin_transaction(self) -> None:
        pass

    def flush(self, _timeout: float) -> int:
        return 0

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self.released.wait()

    def consumer_group_metadata(self) -> str:
        return "of the consumer"


@pytest.fixture
def stuck() -> Iterator[Any]:
    producer = StuckProducer()
    yield producer
    producer.released.set()


def test_a_call_that_never_returns_costs_the_session_and_nothing_else(
    stuck: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "_GRACE_SECONDS", 0.05)
    transactions = Transactions(stuck, timeout_seconds=0.1, clock=SystemClock())
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
