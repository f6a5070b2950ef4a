"""The books of a stream, balanced: every raw offset ended in exactly one place, and every place has what it was given.

Pure: figures in, statement out. `audit.py` collects the figures.

    source     born = acknowledged + spooled + refused, and raw holds all that was acknowledged
    validator  ledger ranges join from offset 0 on, add up, and the output topics hold what the ledger says
    loader     the tables hold the rows that loads brought
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from iot_platform.contract.topology import Topology
from iot_platform.pipeline.findings import (
    ledger_findings,
    output_findings,
    removed_findings,
    source_findings,
    table_findings,
)
from iot_platform.pipeline.statement import Figures, Statement
from iot_platform.warehouse.books import LedgerSpan


def balance(figures: Figures) -> Statement:
    """Draw up the statement."""
    topology = Topology(figures.stream)
    spans = _by_partition(figures.ledger)
    outputs, missing = output_findings(figures, topology)
    tables, lost = table_findings(figures)
    findings = [
        *source_findings(figures, topology),
        *ledger_findings(figures, spans, topology),
        *removed_findings(figures),
        *outputs,
        *tables,
    ]
    raw = sum(raw.end for raw in figures.raw.values()) - sum(span.gaps for span in figures.ledger)
    valid = sum(span.valid for span in figures.ledger) - missing["readings"] - lost["readings"]
    dead = sum(span.dead for span in figures.ledger) - missing["dead_letters"] - lost["dead_letters"]
    duplicates = sum(span.duplicates for span in figures.ledger)
    in_flight = sum(
        max(0, raw.end - max(raw.low, _next_offset(spans.get(partition, [])))) for partition, raw in figures.raw.items()
    )
    return Statement(
        stream=figures.stream,
        sources={
            source.name: {
                "born": source.born,
                "acknowledged": source.acknowledged,
                "spooled": source.spooled,
                "refused": source.refused + source.quarantined,
            }
            for source in figures.sources
        },
        raw=raw,
        valid=valid,
        repaired=sum(span.repaired for span in figures.ledger),
        dead=dead,
        duplicates=duplicates,
        in_flight=in_flight,
        loaded={
            "valid": sum(one.there for one in figures.ranges if one.table == "readings"),
            "dead": sum(one.there for one in figures.ranges if one.table == "dead_letters"),
        },
        unaccounted=raw - valid - dead - duplicates - in_flight,
        findings=tuple(findings),
    )


def _by_partition(ledger: Iterable[LedgerSpan]) -> dict[int, list[LedgerSpan]]:
    spans: dict[int, list[LedgerSpan]] = {}
    for span in sorted(ledger, key=lambda span: (span.partition, span.first, span.last)):
        spans.setdefault(span.partition, []).append(span)
    return spans


def _next_offset(spans: Sequence[LedgerSpan]) -> int:
    return max((span.last + 1 for span in spans), default=0)
