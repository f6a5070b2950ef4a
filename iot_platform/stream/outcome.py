"""What becomes of the raw records of one partition in one transaction. Decides; `validator.py` acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import xxhash

from iot_platform.contract import dead_letter
from iot_platform.contract.dead_letter import Provenance
from iot_platform.contract.judge import Judgement, repaired_header
from iot_platform.contract.laps import Lap, no_lap
from iot_platform.contract.ledger import LedgerEntry
from iot_platform.contract.reasons import Code, Reason
from iot_platform.contract.topology import Topology
from iot_platform.stream.dedup import Window, pack_ids, pack_pairs
from iot_platform.stream.headers import Headers, read_headers
from iot_platform.stream.record import Parts, Record, record_of, shrunk

Message = Any  # confluent_kafka.Message, which has no type stubs

_UNREADABLE = Reason(
    Code.UNPROCESSABLE, "", "the name of a header is not UTF-8: its headers cannot be kept, and are at the source only"
)


@dataclass
class Outcome:
    """Records to produce, in order, the ids to remember after the commit, and the counts for the ledger."""

    partition: int
    first: int
    last: int
    validated: list[Record] = field(default_factory=list)
    dead: list[Record] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    fingerprints: list[int] = field(default_factory=list)
    repaired: int = 0
    records: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    duplicates_by_sensor: Counter[str] = field(default_factory=Counter)
    stream_time_ms: int = 0
    oldest_ms: int = 0
    newest_ms: int = 0
    """When its first and last records were accepted, capped as stream time is."""

    @property
    def duplicates(self) -> int:
        return self.duplicates_by_sensor.total()

    def ledger_entry(self, stream: str, rule_version: str, slot: int, at: str) -> LedgerEntry:
        return LedgerEntry(
            stream=stream,
            partition=self.partition,
            first=self.first,
            last=self.last,
            valid=len(self.validated),
            repaired=self.repaired,
            dead=len(self.dead),
            duplicates=self.duplicates,
            gaps=self.last - self.first + 1 - self.records,
            by_reason=dict(self.by_reason),
            duplicates_by_sensor=dict(self.duplicates_by_sensor),
            rule_version=rule_version,
            slot=slot,
            at=at,
            ids=pack_pairs(self.ids, self.fingerprints),
        )


@dataclass(frozen=True)
class Slice:
    """The records of one raw partition within a batch, with their verdicts by place in the batch."""

    partition: int
    messages: Sequence[Message]
    values: Sequence[bytes | None]
    accepted_at_ms: Sequence[int]
    places: Sequence[int]


@dataclass(frozen=True)
class _Carried:
    """The headers of a slice's records by row, and the rows that cannot be carried on whole."""

    headers: Sequence[Headers | None]
    unreadable: frozenset[int]
    too_large: frozenset[int]

    def whole(self, row: int) -> bool:
        return row not in self.unreadable and row not in self.too_large


class Sorter:
    """Sorts judged records into validated, dead and duplicate."""

    def __init__(self, topology: Topology, rule_version: str, most_bytes: int, lap: Lap = no_lap) -> None:
        """`most_bytes`: of key, value and headers together; what is larger may not fit into the outputs."""
        self._lap = lap
        self._topology = topology
        self._rule_version = rule_version
        self._most_bytes = most_bytes

    def sort(
        self, part: Slice, judgement: Judgement, window: Window, next_offset: int, now: str, cap_ms: int
    ) -> Outcome:
        """`next_offset` is the first raw offset not yet in the ledger; `cap_ms` bounds stream time (a clock in 2099).

        Nothing is remembered in `window`.
        """
        outcome = Outcome(
            part.partition, next_offset, part.messages[-1].offset(), records=len(part.messages),
            stream_time_ms=max(window.stream_time_ms, min(max(part.accepted_at_ms), cap_ms)),
            oldest_ms=min(*part.accepted_at_ms, cap_ms), newest_ms=min(max(part.accepted_at_ms), cap_ms),
        )  # fmt: skip
        carried = self._carried(part, judgement)
        good = [
            row
            for row, place in enumerate(part.places)
            if judgement.message_ids[place] is not None and carried.whole(row)
        ]
        ids = pack_ids([judgement.message_ids[part.places[row]] or "" for row in good])
        fingerprints = [xxhash.xxh3_64_intdigest(part.values[row] or b"") for row in good]
        self._lap("sort")
        known = window.classify(ids, fingerprints)
        self._lap("dedup")
        if known is None and len(good) == len(part.messages) and not judgement.repaired:
            self._all_valid(part, carried, ids, fingerprints, outcome)
            return outcome
        identity = dict(zip(good, zip(ids, fingerprints, known or ["new"] * len(ids), strict=True), strict=True))
        for row, place in enumerate(part.places):
            if row not in identity:
                self._add_dead(part, row, judgement.dead.get(place, ()), carried, now, outcome)
                continue
            message_id, fingerprint, what = identity[row]
            if what == "duplicate":
                outcome.duplicates_by_sensor[part.messages[row].key().decode()] += 1
            elif what == "conflict":
                self._add_dead(part, row, (_conflict(judgement.message_ids[place]),), carried, now, outcome)
            else:
                self._add_valid(part, row, place, judgement, carried, outcome)
                outcome.ids.append(message_id)
                outcome.fingerprints.append(fingerprint)
        return outcome

    def _carried(self, part: Slice, judgement: Judgement) -> _Carried:
        headers, unreadable = read_headers(part.messages)
        # A valid record without headers is never larger than a raw record may be.
        large = (
            row
            for row, place in enumerate(part.places)
            if (headers[row] or judgement.message_ids[place] is None)
            and Parts(part.messages[row].key(), part.values[row], headers[row], 0).size_bytes > self._most_bytes
        )
        return _Carried(headers, unreadable, frozenset(large))

    def _all_valid(
        self, part: Slice, carried: _Carried, ids: list[bytes], fingerprints: list[int], outcome: Outcome
    ) -> None:
        outcome.ids, outcome.fingerprints = ids, fingerprints
        outcome.validated = [
            record_of(message.key(), value, _unclaimed(headers), accepted_at_ms)
            for message, value, headers, accepted_at_ms in zip(
                part.messages, part.values, carried.headers, part.accepted_at_ms, strict=True
            )
        ]

    def _add_valid(
        self, part: Slice, row: int, place: int, judgement: Judgement, carried: _Carried, outcome: Outcome
    ) -> None:
        value, headers = part.values[row], _unclaimed(carried.headers[row])
        repair = judgement.repaired.get(place)
        if repair is not None:
            value = repair.value
            headers = [*(headers or []), (dead_letter.REPAIRED, repaired_header(repair))]
            outcome.repaired += 1
        outcome.validated.append(record_of(part.messages[row].key(), value, headers, part.accepted_at_ms[row]))

    def _add_dead(
        self, part: Slice, row: int, reasons: tuple[Reason, ...], carried: _Carried, now: str, outcome: Outcome
    ) -> None:
        message, original = part.messages[row], carried.headers[row] or []
        before = dict(original)
        parts = Parts(message.key(), part.values[row], original, part.accepted_at_ms[row])
        if row in carried.unreadable:
            reasons = (*reasons, _UNREADABLE)
        if row in carried.too_large:
            parts, too_large = shrunk(parts, self._most_bytes)
            reasons = (*reasons, too_large)
        provenance = Provenance(
            reasons=reasons,
            rule_version=self._rule_version,
            source_topic=self._topology.raw,
            source_partition=part.partition,
            source_offset=message.offset(),
            first_seen=_moment(before.get(dead_letter.FIRST_SEEN)) or now,
            attempts=_attempts(before.get(dead_letter.ATTEMPTS)) + 1,
        )
        headers = dead_letter.to_headers(parts.headers or [], provenance)
        outcome.dead.append(record_of(parts.key, parts.value, headers, parts.timestamp_ms))
        outcome.by_reason.update({reason.code.value for reason in reasons})


def _unclaimed(headers: Headers | None) -> Headers | None:
    """Less any that says the record was repaired: only the validator may say so."""
    return headers and [header for header in headers if header[0] != dead_letter.REPAIRED]


def _conflict(message_id: str | None) -> Reason:
    return Reason(Code.CONFLICT, "message_id", f"{message_id} was accepted before with another payload")


def _moment(header: bytes | None) -> str:
    """The header where it is a time stamp; whoever may write to the raw topic may write nonsense there."""
    try:
        moment = datetime.fromisoformat(_text(header))
        return moment.astimezone(UTC).isoformat() if moment.tzinfo is not None else ""
    except (ValueError, OverflowError):  # the first and the last day of the calendar may have no UTC
        return ""


def _text(header: bytes | None) -> str:
    return header.decode("utf-8", "replace")[:64] if header else ""


def _attempts(header: bytes | None) -> int:
    """Attempts so far; nonsense counts as none."""
    text = _text(header)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
