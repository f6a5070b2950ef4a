"""From two looks to facts: what grew between two signs of life, and between two sets of offsets. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from iot_platform.contract.reasons import Code
from iot_platform.stream.offsets import GroupFigures
from iot_platform.watch.diagnosis.facts import PartitionFacts, ProcessFacts, Skew

Beat = Mapping[str, Any]
"""A sign of life, as it stands in the file; empty when there is none."""


@dataclass(frozen=True)
class Process:
    """Who there is: by its lease, and by what the settings want."""

    name: str
    role: str
    stream: str
    alive: bool


def process_facts(who: Process, before: Beat, after: Beat, waited: float | None) -> ProcessFacts:
    """What the process did between two signs of life; of one that gave but one only what it says of itself.

    `waited`: the share of the time in which it wanted a processor and had none.
    """
    now = _as_told(who, after)
    seconds = _seconds(before, after)
    if seconds is None:
        return now
    records = sum(_grown(name, before, after) for name in _RECORDS[who.role]) if who.role in _RECORDS else None
    aborts, sessions = _grown("aborts", before, after), _grown("sessions", before, after)
    return replace(
        now,
        last_error=now.last_error if _says_error_of_now(who, aborts, sessions) else "",
        cpu=_grown("cpu_seconds", before, after) / seconds,
        waited=waited,
        records=None if records is None else records / seconds,
        dead_share=_grown("dead", before, after) / records if records and who.role == "validator" else None,
        unprocessable=round(_grown(Code.UNPROCESSABLE.value, _of(before, "by_reason"), _of(after, "by_reason"))),
        aborts=round(aborts),
        sessions=round(sessions),
        rebalances=round(_grown("rebalances", before, after)),
        stages={
            name: _grown(name, _of(before, "stages"), _of(after, "stages")) / seconds for name in _of(after, "stages")
        },
        write_seconds=_each("write_seconds", "writes", before, after),
    )


_RECORDS: Mapping[str, tuple[str, ...]] = {
    "validator": ("valid", "dead", "duplicates"),
    "producer": ("acknowledged",),
    "loader": ("readings", "dead_letters"),
}
"""Counters of a heartbeat that make up what a process has worked off."""


def _as_told(who: Process, beat: Beat) -> ProcessFacts:
    return ProcessFacts(
        who.name,
        who.role,
        who.alive,
        who.stream,
        memory_bytes=beat.get("memory_bytes"),
        partitions=tuple(beat.get("partitions", ())),
        failures=int(beat.get("failures", 0)),
        last_error=str(beat.get("last_error") or beat.get("kafka_error") or ""),
    )


def _says_error_of_now(who: Process, aborts: float, sessions: float) -> bool:
    """A validator keeps its last error for ever; it is news where something failed meanwhile."""
    return who.role != "validator" or bool(aborts or sessions)


def _seconds(before: Beat, after: Beat) -> float | None:
    """Between two signs of one process; None where there are not two."""
    if "at" not in before or "at" not in after or before.get("pid") != after.get("pid"):
        return None
    seconds = (datetime.fromisoformat(after["at"]) - datetime.fromisoformat(before["at"])).total_seconds()
    return seconds if seconds > 0 else None


def _of(beat: Beat, name: str) -> Beat:
    found: Beat = beat.get(name) or {}
    return found


def _grown(name: str, before: Beat, after: Beat) -> float:
    return max(0.0, float(after.get(name) or 0) - float(before.get(name) or 0))


def _each(total: str, count: str, before: Beat, after: Beat) -> float | None:
    times = _grown(count, before, after)
    return _grown(total, before, after) / times if times else None


def partition_facts(before: Sequence[GroupFigures], after: Sequence[GroupFigures]) -> list[PartitionFacts]:
    """Of each partition, what waits now and what moved between the two looks; one that was not in both is left out."""
    known = {(group.group, part.topic, part.partition): part for group in before for part in group.partitions}
    found = []
    for group in after:
        for part in group.partitions:
            old = known.get((group.group, part.topic, part.partition))
            seconds = 0.0 if old is None else (part.asked_at_ms - old.asked_at_ms) / 1000
            if old is not None and seconds > 0:
                inflow = max(0, part.high - old.high) / seconds
                outflow = max(0, part.next_offset - old.next_offset) / seconds
                place = (group.group, part.topic, part.partition)
                found.append(PartitionFacts(*place, part.messages, part.seconds, inflow, outflow))
    return found


def skew_of(topic: str, partition: int, keys: Sequence[bytes | None]) -> Skew | None:
    """Which key most of them have; None of none."""
    if not keys:
        return None
    counts = Counter(keys)
    ((key, most),) = counts.most_common(1)
    name = "no key" if key is None else key.decode("utf-8", "replace")
    return Skew(topic, partition, len(keys), name, most / len(keys), len(counts))
