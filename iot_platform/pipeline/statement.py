"""What an audit looks at, and what it says. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iot_platform.stream.spool import SourceAccount
from iot_platform.warehouse.books import LedgerSpan, LoadedRange


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold; `count` readings are concerned."""

    code: str
    where: str
    count: int
    text: str
    next_step: str


@dataclass(frozen=True)
class RawEnds:
    """One raw partition: what Kafka still holds, from `low` to before `end`."""

    low: int
    end: int


@dataclass(frozen=True)
class Figures:
    """Everything an audit looks at, taken in this order: sources, warehouse, output topics, ledger topic, raw.

    `ledger` holds loaded and unloaded entries by partition and offset; `unloaded` counts records behind the loaded
    offsets by output topic and partition; `removed` counts offsets that Kafka dropped before they were loaded, and
    `beyond` those that were loaded but lie beyond the end of the log. `agreed` names the output places
    (topic and partition) that agree with an earlier look: while a stream runs, the figures of one look may be some
    transactions apart.
    """

    stream: str
    sources: Sequence[SourceAccount]
    raw: Mapping[int, RawEnds]
    ledger: Sequence[LedgerSpan]
    ranges: Sequence[LoadedRange]
    unloaded: Mapping[tuple[str, int], int]
    removed: Mapping[tuple[str, int], int]
    beyond: Mapping[tuple[str, int], int]
    agreed: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True)
class Statement:
    """The outcome; `raw` = valid + dead + duplicates + in_flight + unaccounted."""

    stream: str
    sources: Mapping[str, Mapping[str, int]]
    raw: int
    valid: int
    repaired: int
    dead: int
    duplicates: int
    in_flight: int
    loaded: Mapping[str, int]
    unaccounted: int
    findings: tuple[Finding, ...]

    @property
    def balanced(self) -> bool:
        return not self.findings and self.unaccounted == 0

    def as_document(self) -> dict[str, Any]:
        """The object of `audit --json` (docs/reference/interfaces.md)."""
        return {**vars(self), "findings": [vars(finding) for finding in self.findings]}
