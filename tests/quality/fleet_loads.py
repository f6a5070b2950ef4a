"""The simulated fleet's own readings, judged by the stream's own rules and loaded by the loader's own columns.

Everything but Kafka is the real thing, and time is a clock that jumps: a day of traffic takes half a minute.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from iot_platform.clock import ManualClock
from iot_platform.contract import dead_letter
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.dead_letter import Provenance
from iot_platform.contract.judge import Judge, repaired_header
from iot_platform.contract.ledger_rows import LedgerRow
from iot_platform.contract.reading import Freshness
from iot_platform.contract.reasons import Reason
from iot_platform.pipeline import columns
from iot_platform.settings import Settings
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.sources.fleet import Fleet
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.writer import LoadTransaction

STREAM = "iot_data"
_PARTITIONS = 3


@dataclass(frozen=True)
class Record:
    """As much of a Kafka message as the loader's columns ask for."""

    _key: bytes
    _value: bytes | None
    _headers: list[tuple[str, bytes | None]]
    _timestamp_ms: int
    _partition: int
    _offset: int

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes | None]]:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return 1, self._timestamp_ms

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset


@dataclass
class Loads:
    """What one load brings."""

    valid: list[Record] = field(default_factory=list)
    dead: list[Record] = field(default_factory=list)
    ledger: list[LedgerRow] = field(default_factory=list)


class FleetLoads:
    """A stream from the fleet to the tables, load after load."""

    def __init__(self, settings: Settings, start: datetime) -> None:
        self._settings = settings
        self.clock = ManualClock(start)
        catalogue = load_catalogue(STREAM)
        self._fleet = Fleet(settings.fleet, catalogue, self.clock, origin="test")
        self._fleet.start(None)
        self._judge = Judge(catalogue, Freshness(86_400, 300), 1_000_000)
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._accepted: dict[str, int] = {}

    def run(self, duration: timedelta, *, load_every: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass, one batch a second, and load at the end of every `load_every`."""
        until = self.clock.now() + duration
        while self.clock.now() < until:
            readings: list[Reading] = []
            ends = min(until, self.clock.now() + load_every)
            while self.clock.now() < ends:
                self.clock.advance(1)
                while batch := self._fleet.batch(10_000).readings:
                    readings += batch
            self.load(self.sort(readings))

    def load(self, loads: Loads) -> None:
        with open_warehouse(self._settings) as connection, LoadTransaction(connection, self.clock.now()) as load:
            if loads.valid:
                load.add_readings(STREAM, columns.readings(loads.valid), fill_location=True)
            if loads.dead:
                load.add_dead_letters(STREAM, columns.dead_letters(loads.dead))
            if loads.ledger:
                load.add_ledger(STREAM, loads.ledger)

    def sort(self, readings: list[Reading]) -> Loads:
        """Judged, repeats dropped, with a ledger row a partition."""
        loads = Loads()
        judgement = self._judge.judge(
            [one.value for one in readings], [one.key for one in readings], [one.accepted_at_ms for one in readings]
        )
        books: dict[int, Counter[str]] = {}
        repeats: dict[int, Counter[str]] = {}
        reasons_by: dict[int, Counter[str]] = {}
        for place, one in enumerate(readings):
            partition = zlib.crc32(one.key) % _PARTITIONS
            book = books.setdefault(partition, Counter())
            message_id = judgement.message_ids[place]
            if message_id is None:
                book["dead"] += 1
                reasons = judgement.dead[place]
                reasons_by.setdefault(partition, Counter()).update({reason.code.value for reason in reasons})
                loads.dead.append(self._dead(one, partition, reasons))
            elif message_id in self._accepted:
                book["duplicates"] += 1
                repeats.setdefault(partition, Counter())[one.key.decode()] += 1
            else:
                self._accepted[message_id] = one.accepted_at_ms
                book["valid"] += 1
                repair = judgement.repaired.get(place)
                book["repaired"] += repair is not None
                headers: list[tuple[str, bytes | None]] = (
                    [(dead_letter.REPAIRED, repaired_header(repair))] if repair else []
                )
                value = repair.value if repair else one.value
                loads.valid.append(self._record(one, "valid", partition, value, headers))
        loads.ledger = [
            self._row(partition, book, reasons_by.get(partition, {}), repeats.get(partition, {}))
            for partition, book in sorted(books.items())
        ]
        return loads

    def _record(
        self,
        one: Reading,
        topic: str,
        partition: int,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
    ) -> Record:
        offset = self._offsets[topic, partition]
        self._offsets[topic, partition] += 1
        return Record(one.key, value, headers, one.accepted_at_ms, partition, offset)

    def _dead(self, one: Reading, partition: int, reasons: Iterable[Reason]) -> Record:
        provenance = Provenance(
            tuple(reasons), "test", "raw_iot_data", partition, self._offsets["raw", partition],
            self.clock.now().isoformat(), 1,
        )  # fmt: skip
        return self._record(one, "dead", partition, one.value, dead_letter.to_headers([], provenance))

    def _row(self, partition: int, book: Counter[str], reasons: Any, repeats: Any) -> LedgerRow:
        count = book["valid"] + book["dead"] + book["duplicates"]
        first = self._offsets["raw", partition]
        self._offsets["raw", partition] += count
        return LedgerRow(
            STREAM, partition, first, first + count - 1, book["valid"], book["repaired"], book["dead"],
            book["duplicates"], 0, 1, "test", self.clock.now(), self.clock.now(), dict(reasons), dict(repeats),
        )  # fmt: skip
