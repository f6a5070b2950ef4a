"""I1 to I10: what must hold when all is quiet again, whatever broke before. Pure: evidence in, sentences out.

I9 (recovered within a stated time) is measured by the case, see `scene.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from iot_platform.contract.judge import Judge
from iot_platform.contract.reasons import Code
from tests.faults.canaries import is_canary
from tests.faults.evidence import Evidence, id_of, sha
from tests.support.topics import assert_ledger_is_whole

_BEYOND_THE_RULES = {Code.CONFLICT, Code.UNPROCESSABLE}
"""Reasons of records that break no rule."""


@dataclass(frozen=True)
class Verdict:
    """`violations` are sentences; none of them, and nothing lost or doubled: the promise held."""

    accepted: int
    lost: int
    doubled: int
    violations: tuple[str, ...]


def judged(evidence: Evidence, judge: Judge) -> Verdict:
    violations = [
        f"{name}: {sentence}" for name, invariant in INVARIANTS.items() for sentence in invariant(evidence, judge)
    ]
    return Verdict(len(evidence.sent.accepted), lost(evidence), doubled(evidence), tuple(violations))


def lost(evidence: Evidence) -> int:
    """Accepted, and not where it belongs, in topic or in warehouse; less what the spools count as refused."""
    valid = {evidence.sha_as_sent(kept) for kept in evidence.validated}
    dead = {sha(kept) for kept in evidence.dead}
    rows = {row.what for row in evidence.readings}
    sent = evidence.sent
    missing = [one for one in sent.accepted & sent.valid if one not in valid or sent.id_of[one] not in rows]
    missing += [one for one in sent.accepted & sent.dead if one not in dead]
    not_loaded = len(evidence.dead) - len(evidence.dead_rows)
    return max(0, len(missing) - evidence.known_missing) + max(0, not_loaded)


def doubled(evidence: Evidence) -> int:
    """Valid more than once, or one source record dead more than once, in topic or in warehouse."""
    dead_sources = [evidence.provenance(kept) for kept in evidence.dead]
    return (
        _surplus(map(id_of, evidence.validated))
        + _surplus(row.what for row in evidence.readings)
        + _surplus((one.source_partition, one.source_offset) for one in dead_sources)
        + _surplus(row.what for row in evidence.dead_rows)
    )


def _surplus(things: Iterable[Hashable]) -> int:
    counts = Counter(things)
    return counts.total() - len(counts)


def i1_no_loss(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    if count := lost(evidence):
        yield f"{count} of {len(evidence.sent.accepted)} accepted readings are lost"


def i2_no_duplicates(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    if count := doubled(evidence):
        yield f"{count} readings or dead letters are there twice"
    for name, rows in (("readings", evidence.readings), ("dead_letters", evidence.dead_rows)):
        if count := _surplus((row.partition, row.kafka_offset) for row in rows):
            yield f"{count} rows of {name} share their partition and offset with another"


def i3_right_table_and_reason(evidence: Evidence, judge: Judge) -> Iterator[str]:
    """Valid where the source says valid, dead where it says dead, and dead for the reasons that the rules give."""
    strays = {evidence.sha_as_sent(kept) for kept in evidence.validated} & evidence.sent.dead
    if strays:
        yield f"{len(strays)} readings are valid that the source knows to be dead"
    strays = {sha(kept) for kept in evidence.dead} & evidence.sent.valid
    if strays:
        yield f"{len(strays)} readings are dead that the source knows to be valid"
    dead = evidence.dead
    verdicts = judge.judge(
        [kept.value for kept in dead], [kept.key for kept in dead], [kept.timestamp_ms for kept in dead]
    )
    for place, kept in enumerate(dead):
        told = {reason.code for reason in evidence.provenance(kept).reasons}
        broken = {reason.code for reason in verdicts.dead.get(place, ())}
        if told != broken and (broken or not told <= _BEYOND_THE_RULES):
            yield f"dead letter {kept.partition}/{kept.offset} says {sorted(told)}, the rules say {sorted(broken)}"


def i4_payloads(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    """Nothing is in an output whose bytes were never given."""
    outputs = {evidence.sha_as_sent(kept) for kept in evidence.validated} | {sha(kept) for kept in evidence.dead}
    if invented := outputs - evidence.sent.given:
        yield f"{len(invented)} outputs have bytes that nobody sent"


def i5_order(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    """Readings of a sensor are validated in the order of their birth."""
    arrived: dict[str, list[str]] = defaultdict(list)
    for kept in evidence.validated:
        arrived[(kept.key or b"").decode()].append(evidence.sha_as_sent(kept))
    for sensor, born in evidence.sent.order.items():
        there = set(arrived[sensor])
        if arrived[sensor] != [one for one in born if one in there]:
            yield f"readings of {sensor} overtook each other"


def i6_no_aborted_data(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    seen = [kept for kept in (*evidence.validated, *evidence.dead) if is_canary(kept.value)]
    if seen:
        yield f"{len(seen)} records of aborted transactions are visible"


def i7_loaded_offsets(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    """The warehouse stands at the end of each output, behind its last row."""
    tables = {evidence.topology.validated: evidence.readings, evidence.topology.dead_letters: evidence.dead_rows}
    for (topic, partition), span in evidence.spans.items():
        if topic == evidence.topology.raw:
            continue
        stands = evidence.next_offsets.get((topic, partition), 0)
        last = max((row.kafka_offset for row in tables.get(topic, ()) if row.partition == partition), default=-1)
        if not last < stands == span.end:
            yield f"{topic}/{partition}: the warehouse is at {stands}, its last row {last}, the log ends {span.end}"


def i8_no_hanging_transaction(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    for (topic, partition), span in evidence.spans.items():
        if span.end != span.high:
            yield f"{topic}/{partition}: readers stop at {span.end}, the log ends at {span.high}"


def i10_accounting(evidence: Evidence, _judge: Judge) -> Iterator[str]:
    """The books add up, by the audit and by counting ourselves."""
    statement = evidence.statement
    if not statement.balanced:
        yield f"the audit says: {[finding.text for finding in statement.findings]}, unaccounted {statement.unaccounted}"
    for account in evidence.accounts:
        if account.born != account.acknowledged + account.spooled + account.refused + account.quarantined:
            yield f"the books of source {account.name} do not add up: {account}"
    duplicates = sum(entry.duplicates for entry in evidence.ledger)
    counts = (len(evidence.validated), len(evidence.dead), duplicates)
    if len(evidence.raw) != sum(counts):
        yield f"raw holds {len(evidence.raw)}, outputs and ledger explain {counts}"
    if (len(evidence.readings), len(evidence.dead_rows)) != counts[:2]:
        yield f"the warehouse holds {len(evidence.readings)} and {len(evidence.dead_rows)}, the topics {counts[:2]}"
    try:
        assert_ledger_is_whole(list(evidence.ledger), list(evidence.raw))
    except AssertionError as hole:
        yield f"the ledger has a hole or an overlap: {hole}"


Invariant = Callable[[Evidence, Judge], Iterator[str]]

INVARIANTS: dict[str, Invariant] = {
    "I1": i1_no_loss,
    "I2": i2_no_duplicates,
    "I3": i3_right_table_and_reason,
    "I4": i4_payloads,
    "I5": i5_order,
    "I6": i6_no_aborted_data,
    "I7": i7_loaded_offsets,
    "I8": i8_no_hanging_transaction,
    "I10": i10_accounting,
}
