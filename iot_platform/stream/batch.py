"""From a batch of raw records to what becomes of them, by partition. Produces nothing and remembers nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from polars.exceptions import PanicException

from iot_platform.clock import Clock, unix_millis
from iot_platform.contract.judge import Judge, Judgement
from iot_platform.contract.laps import Lap, no_lap
from iot_platform.contract.reasons import Code, Reason
from iot_platform.errors import PlatformError
from iot_platform.faultpoints import faultpoint, is_armed
from iot_platform.stream.changelog import PartitionState
from iot_platform.stream.outcome import Outcome, Slice, Sorter
from iot_platform.stream.poison import Span

Message = Any  # confluent_kafka.Message, which has no type stubs

_STREAM_TIME_TOLERANCE = timedelta(minutes=5)
_WHY_MAX_CHARACTERS = 300


class BadBatchError(Exception):
    """The batch cannot be decided, for a reason that may lie in the bytes of one of its records."""


def spans_of(messages: Sequence[Message]) -> dict[int, Span]:
    """By partition, what the batch holds of it."""
    spans: dict[int, Span] = {}
    for message in messages:
        partition, offset = message.partition(), message.offset()
        before = spans.get(partition)
        spans[partition] = Span(before.first, offset, before.records + 1) if before else Span(offset, offset, 1)
    return spans


def told(error: BaseException) -> str:
    """An error in a few words, for the header of a dead letter."""
    text = f"{type(error).__name__}: {error}".encode("utf-8", "replace").decode()
    return text[:_WHY_MAX_CHARACTERS]


class Decider:
    """Judges and sorts batches of one stream."""

    def __init__(self, judge: Judge, sorter: Sorter, clock: Clock, lap: Lap = no_lap) -> None:
        """`lap` hears of the stages `decode`, `rules` and `sort`, each as it ends."""
        self._lap = lap
        self._judge = judge
        self._sorter = sorter
        self._clock = clock

    def decide(
        self, messages: Sequence[Message], states: Mapping[int, PartitionState], convicted: str | None
    ) -> list[Outcome]:
        """One outcome a partition. `convicted`: why the only record is to be dead, whatever the rules say of it.

        Raises BadBatchError where the code fails on the records.
        """
        try:
            return self._decide(messages, states, convicted)
        except (PlatformError, MemoryError):
            raise
        # Whatever the rules and libraries below raise on bytes that nobody has thought of, and Polars' panics are no
        # Exception: it must cost one record, not the stream.
        except (Exception, PanicException) as error:
            raise BadBatchError(told(error)) from error

    def _decide(
        self, messages: Sequence[Message], states: Mapping[int, PartitionState], convicted: str | None
    ) -> list[Outcome]:
        values = [message.value() for message in messages]
        accepted_at_ms = [message.timestamp()[1] for message in messages]
        judgement = self._judgement(values, messages, accepted_at_ms, convicted)
        self._lap("rules")
        places: dict[int, list[int]] = {}
        for place, message in enumerate(messages):
            places.setdefault(message.partition(), []).append(place)
        now = self._clock.now()
        cap_ms = unix_millis(now + _STREAM_TIME_TOLERANCE)
        outcomes = []
        for partition, mine in places.items():
            part = Slice(
                partition,
                [messages[p] for p in mine],
                [values[p] for p in mine],
                [accepted_at_ms[p] for p in mine],
                mine,
            )
            state = states[partition]
            outcomes.append(
                self._sorter.sort(part, judgement, state.window, state.next_offset, now.isoformat(), cap_ms)
            )
        self._lap("sort")
        return outcomes

    def _judgement(
        self,
        values: list[bytes | None],
        messages: Sequence[Message],
        accepted_at_ms: list[int],
        convicted: str | None,
    ) -> Judgement:
        if convicted is not None:
            reason = Reason(Code.UNPROCESSABLE, "", f"made its batch fail again and again: {convicted}")
            return Judgement([None] * len(values), dict.fromkeys(range(len(values)), (reason,)))
        keys = [message.key() for message in messages]
        if is_armed("validator.judge"):
            for key in keys:
                faultpoint("validator.judge", (key or b"").decode("utf-8", "replace"))
        return self._judge.judge(values, keys, accepted_at_ms, self._lap)
