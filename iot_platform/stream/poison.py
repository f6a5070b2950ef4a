"""Which record makes its batch fail again and again. Decides, by partition; `session.py` acts.

Only failures whose cause may lie in the data are told here: Kafka's own troubles say nothing about a record.

    a batch failed at the same offset `TRIES` times      the next batch there has half its size
    it failed again at that size                         half of that, down to one record
    one record failed alone `TRIES` times                it is convicted: a dead letter, `unprocessable`
    it failed as a dead letter `TRIES` times too         it is stuck: Kafka takes it in no form
    a batch passed                                       the size stays while offsets are in doubt, then doubles
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

TRIES = 3
"""A cause that passes by itself, such as a topic's limit being changed, should find no victim in a moment."""


@dataclass(frozen=True)
class Span:
    """The records of one partition in one batch; `first` is where the partition stood."""

    first: int
    last: int
    records: int


@dataclass(frozen=True)
class _Suspicion:
    """Of a partition: `failures` in a row of the batch that began at `first`, of them `alone` with one record."""

    first: int
    last: int
    failures: int = 0
    alone: int = 0
    size: int | None = None
    """Most records of its next batch; None while there is no hunt."""
    why: str = ""


class PoisonHunt:
    """Remembers the failures of one validator's batches."""

    def __init__(self, batch_max: int) -> None:
        self._batch_max = batch_max
        self._suspicions: dict[int, _Suspicion] = {}

    def most(self, partitions: Sequence[int]) -> tuple[int, int] | None:
        """The one of `partitions` to go on with, and the most records of it; None when nothing is hunted there."""
        for partition in partitions:
            suspicion = self._suspicions.get(partition)
            if suspicion is not None and suspicion.size is not None:
                return partition, suspicion.size
        return None

    def failed(self, spans: Mapping[int, Span], why: str) -> None:
        """These records were tried in one transaction, and something in them made it fail."""
        for partition, span in spans.items():
            before = self._suspicions.get(partition) or _Suspicion(span.first, span.last)
            if before.first != span.first:  # others have passed meanwhile
                before = replace(before, first=span.first, failures=0, alone=0)
            failures = before.failures + 1
            hunted = before.size is not None or failures >= TRIES
            only = len(spans) == 1 and span.records == 1
            self._suspicions[partition] = replace(
                before,
                last=span.last,
                failures=failures,
                alone=before.alone + 1 if only else 0,
                size=max(1, span.records // 2) if hunted else None,
                why=why,
            )

    def passed(self, spans: Mapping[int, Span]) -> None:
        """These records are committed."""
        for partition, span in spans.items():
            suspicion = self._suspicions.get(partition)
            if suspicion is None:
                continue
            size = suspicion.size
            if size is not None and span.last >= suspicion.last:
                size *= 2
            if size is None or size >= self._batch_max:
                del self._suspicions[partition]
            else:
                self._suspicions[partition] = replace(suspicion, first=span.last + 1, failures=0, alone=0, size=size)

    def forget(self, partition: int) -> None:
        """The partition has another owner now."""
        self._suspicions.pop(partition, None)

    def convicted(self, spans: Mapping[int, Span]) -> str | None:
        """Why the only record of the batch is to be a dead letter; None when it is not known to be the culprit."""
        suspicion = self._only(spans)
        return suspicion.why if suspicion is not None and suspicion.alone >= TRIES else None

    def stuck(self, spans: Mapping[int, Span]) -> bool:
        """Whether the only record of the batch could not be produced as a dead letter either."""
        suspicion = self._only(spans)
        return suspicion is not None and suspicion.alone >= 2 * TRIES

    def _only(self, spans: Mapping[int, Span]) -> _Suspicion | None:
        if len(spans) != 1:
            return None
        ((partition, span),) = spans.items()
        suspicion = self._suspicions.get(partition)
        return suspicion if suspicion is not None and span.records == 1 and suspicion.first == span.first else None
