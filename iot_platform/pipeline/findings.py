"""What does not hold, stage by stage, in words. Pure: figures in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iot_platform.contract.topology import Topology
from iot_platform.pipeline.statement import Figures, Finding, RawEnds
from iot_platform.stream.spool import SourceAccount
from iot_platform.warehouse.books import LedgerSpan, LoadedRange

OUTPUT_CODES = frozenset({"output_missing", "output_surplus", "removed_before_loading"})
"""Findings that two figures of a running stream, taken a moment apart, can also cause."""


def source_findings(figures: Figures, topology: Topology) -> list[Finding]:
    findings = []
    for source in figures.sources:
        known = source.acknowledged + source.spooled + source.refused + source.quarantined
        if source.born != known:
            lost = source.born - known
            what = "are missing from the spool" if lost > 0 else "are counted that were never born"
            findings.append(
                Finding(
                    "spool_lost" if lost > 0 else "source_overcounted", f"source {source.name}", abs(lost),
                    f"{abs(lost)} readings of source {source.name} {what}: born {source.born}, acknowledged "
                    f"{source.acknowledged}, spooled {source.spooled}, refused {source.refused + source.quarantined}.",
                    f"Compare the source's own list with {topology.raw}; its spool file is in the state directory.",
                )
            )  # fmt: skip
        findings += _beyond_raw(source, figures, topology)
    acknowledged = sum(source.acknowledged for source in figures.sources)
    held = sum(raw.end for raw in figures.raw.values())
    if acknowledged > held:
        findings.append(
            Finding(
                "source_lost", topology.raw, acknowledged - held,
                f"Sources count {acknowledged} readings as acknowledged, but {topology.raw} ever held {held}.",
                "See whether the topic was made anew, or the spool files belong to another Kafka.",
            )
        )  # fmt: skip
    return findings


def _beyond_raw(source: SourceAccount, figures: Figures, topology: Topology) -> list[Finding]:
    findings = []
    for partition, offset in sorted(source.acknowledged_offsets.items()):
        raw = figures.raw.get(partition)
        end = raw.end if raw is not None else 0
        if offset >= end:
            findings.append(
                Finding(
                    "raw_lost", f"{topology.raw}/{partition}", offset - end + 1,
                    f"Source {source.name} had offset {offset} of {topology.raw}/{partition} acknowledged, but the "
                    f"log ends before {end}.",
                    "Kafka lost acknowledged records, or the topic was made anew: see the broker's log.",
                )
            )  # fmt: skip
    return findings


def ledger_findings(figures: Figures, spans: Mapping[int, Sequence[LedgerSpan]], topology: Topology) -> list[Finding]:
    findings = []
    for partition in sorted(spans.keys() | figures.raw.keys()):
        where = f"{topology.raw}/{partition}"
        expected = 0
        for span in spans.get(partition, []):
            if span.first != expected:
                findings.append(_break(where, expected, span.first))
            if span.accounted != span.covered:
                findings.append(_sum(where, span))
            expected = max(expected, span.last + 1)
        raw = figures.raw.get(partition, RawEnds(0, 0))
        if raw.low > expected:
            findings.append(
                Finding(
                    "raw_removed", where, raw.low - expected,
                    f"Offsets {expected} to {raw.low - 1} of {where} were removed by retention before they were "
                    "validated.",
                    "Keep streams.<name>.retention.raw_days above the longest outage of the validators.",
                )
            )  # fmt: skip
        if expected > raw.end:
            findings.append(
                Finding(
                    "raw_lost", where, expected - raw.end,
                    f"The ledger covers {where} up to offset {expected - 1}, but the log ends before {raw.end}.",
                    "Kafka lost records, or the topic was made anew: see the broker's log.",
                )
            )  # fmt: skip
    return findings


def _break(where: str, expected: int, first: int) -> Finding:
    if first > expected:
        # A warehouse that is younger than the ledger's retention never saw the entries before its first.
        never_seen = "" if expected else ", or Kafka had removed their entries before they were loaded"
        return Finding(
            "ledger_hole", where, first - expected,
            f"No ledger entry covers offsets {expected} to {first - 1} of {where}: nobody validated them{never_seen}.",
            f"Read them again from {where} while Kafka holds them, and see the validator's log of that time.",
        )  # fmt: skip
    return Finding(
        "ledger_overlap", where, expected - first,
        f"Offsets {first} to {expected - 1} of {where} are covered by two ledger entries: validated twice.",
        "See whether two installations validate this topic with different groups.",
    )  # fmt: skip


def _sum(where: str, span: LedgerSpan) -> Finding:
    return Finding(
        "ledger_sum", where, abs(span.covered - span.accounted),
        f"Of offsets {span.first} to {span.last} of {where} ({span.covered}) the ledger accounts for {span.accounted}.",
        "This is a defect of the validator of that time: keep its log and the raw records.",
    )  # fmt: skip


def removed_findings(figures: Figures) -> list[Finding]:
    return [
        Finding(
            "removed_before_loading", f"{topic}/{partition}", count,
            f"{count} offsets of {topic}/{partition} were removed from Kafka before they were loaded.",
            "Keep the topic's retention above the longest outage of the loader.",
        )
        for (topic, partition), count in sorted(figures.removed.items())
    ] + [
        Finding(
            "made_anew", f"{topic}/{partition}", count,
            f"The warehouse loaded {topic}/{partition} to {count} offsets beyond its end: the topic was made anew.",
            "Move the warehouse aside (its rows stay readable there), or use another stream name.",
        )
        for (topic, partition), count in sorted(figures.beyond.items())
    ]  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """One partition of an output topic: the records that the ledger says went there, and those that it held.

    `first` is the first offset that was ever loaded, 0 when none was.
    """

    table: str
    said: int
    loaded: int
    unloaded: int
    first: int = 0

    @property
    def held(self) -> int:
        return self.loaded + self.unloaded

    @property
    def missing(self) -> int:
        return max(0, self.said - self.held)

    def agrees_with(self, later: Tally) -> bool:
        """Whether nothing is missing and nothing is too much, though a running stream moves between two looks.

        Both counts only grow. So what the ledger said before must be there by now, and what was there before the ledger
        must know by now. Against itself a tally agrees when both counts are equal.
        """
        return self.said <= later.held and self.held <= later.said


def output_tallies(figures: Figures, topology: Topology) -> dict[tuple[str, int], Tally]:
    """By output topic and partition."""
    partitions = sorted(figures.raw.keys() | {span.partition for span in figures.ledger})
    tallies = {}
    for table, topic in (("readings", topology.validated), ("dead_letters", topology.dead_letters)):
        for partition in partitions:
            spans = [span for span in figures.ledger if span.partition == partition]
            ranges = [one for one in figures.ranges if (one.table, one.partition) == (table, partition)]
            tallies[topic, partition] = Tally(
                table,
                said=sum(span.valid if table == "readings" else span.dead for span in spans),
                loaded=sum(one.loaded for one in ranges),
                unloaded=figures.unloaded.get((topic, partition), 0),
                first=min((one.first for one in ranges), default=0),
            )
    return tallies


def output_findings(figures: Figures, topology: Topology) -> tuple[list[Finding], dict[str, int]]:
    """Records the output topics held, against what the ledger says went there."""
    findings = []
    missing = {"readings": 0, "dead_letters": 0}
    for (topic, partition), tally in output_tallies(figures, topology).items():
        if tally.said == tally.held or (topic, partition) in figures.agreed:
            continue
        missing[tally.table] += tally.missing
        findings.append(_output(f"{topic}/{partition}", tally))
    return findings, missing


def _output(where: str, tally: Tally) -> Finding:
    if 0 < tally.missing <= tally.first:  # all of them can lie before what this warehouse began with
        return Finding(
            "removed_before_loading", where, tally.missing,
            f"The ledger says {tally.said} records went to {where}, but this warehouse began at offset {tally.first} "
            f"and got {tally.held}: {tally.missing} were removed from Kafka before they were loaded.",
            "Keep the topic's retention above the longest outage of the loader.",
        )  # fmt: skip
    return Finding(
        "output_missing" if tally.missing else "output_surplus", where, abs(tally.said - tally.held),
        f"The ledger says {tally.said} records went to {where}, but it held {tally.held} ({tally.loaded} loaded, "
        f"{tally.unloaded} not yet).",
        "See whether somebody else writes to the topic, deletes from it, or reads it uncommitted.",
    )  # fmt: skip


def table_findings(figures: Figures) -> tuple[list[Finding], dict[str, int]]:
    """Rows in the tables, against what loads said they brought: each offset once."""
    findings = []
    lost = {"readings": 0, "dead_letters": 0}
    for one in figures.ranges:
        missing, surplus = one.loaded - one.offsets, one.there - min(one.offsets, one.loaded)
        if missing > 0:
            lost[one.table] += missing
            findings.append(_rows("rows_missing", one, missing, f"{missing} of them are missing"))
        if surplus > 0:
            findings.append(_rows("rows_surplus", one, surplus, f"{surplus} rows are there beside them"))
    return findings, lost


def _rows(code: str, one: LoadedRange, count: int, what: str) -> Finding:
    return Finding(
        code,
        f"{one.table}, partition {one.partition}, offsets {one.first} to {one.last}",
        count,
        f"Loads of {one.day} brought {one.loaded} rows into {one.table} from partition {one.partition}, offsets "
        f"{one.first} to {one.last}; {what}.",
        "Restore the warehouse from a backup, or move it aside and load again what Kafka still holds.",
    )
