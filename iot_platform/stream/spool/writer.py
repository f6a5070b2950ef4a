"""The writing side of the spool."""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from iot_platform.errors import DamagedError
from iot_platform.faultpoints import faultpoint
from iot_platform.stream.framing import pack, unpack
from iot_platform.stream.sources.base import Cursor, Reading
from iot_platform.stream.spool.file import (
    PAGE_BYTES,
    SCHEMA,
    SpoolFullError,
    SpoolTooOldError,
    explained,
    read_counters,
)
from iot_platform.stream.spool.generations import Generations

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpooledBatch:
    """A stored batch. `id` grows by order of acceptance and is never used twice; `generation` is its fleet's split."""

    id: int
    readings: Sequence[Reading]
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits in the spool."""

    readings: int
    bytes: int
    oldest_accepted_at_ms: int | None


@dataclass
class _Settled:
    """Acknowledgements not yet written; they go with the next transaction."""

    batches: dict[int, Mapping[str, int]] = field(default_factory=dict)
    """By batch, what Kafka refused of it, by reason."""
    offsets: dict[int, int] = field(default_factory=dict)


class Spool:
    """The writing side; one process at a time (the slot's lease). Used by one thread."""

    def __init__(self, path: Path, max_bytes: int, max_age_seconds: float = float("inf")) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._settled = _Settled()
        with explained(path):
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=30)
            try:
                self._readings, self._bytes = self._prepare()
            except sqlite3.Error:
                self._connection.close()
                raise

    def _prepare(self) -> tuple[int, int]:
        """Durable writes, the tables; how many readings and bytes wait already."""
        self._connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)
        readings, size_bytes = self._connection.execute(
            "SELECT coalesce(sum(readings), 0), coalesce(sum(bytes), 0) FROM batches"
        ).fetchone()
        self._generations = Generations(self._connection)
        return readings, size_bytes

    @property
    def generation(self) -> int:
        """Of the batches that are stored now."""
        return self._generations.newest

    def begin_generation(self, generation: int) -> None:
        """Batches from now on are of this split. SpoolFullError: nothing was changed."""
        if generation > self.generation:
            with self._transaction():
                self._generations.begin(generation, self._connection)

    @property
    def cursor(self) -> Cursor | None:
        """Where the source goes on; None before its first batch."""
        row = self._connection.execute("SELECT document FROM cursor").fetchone()
        return json.loads(row[0]) if row else None

    def append(self, readings: Sequence[Reading], cursor: Cursor, refused: Mapping[str, int] | None = None) -> int:
        """Store a batch, the cursor after it and, by reason, readings born but refused. Returns the batch's id.

        Durable on return. SpoolFullError: nothing was stored, and the same call may succeed later.
        """
        refused = refused or {}
        block = pack(readings)
        if readings and self._full_for(readings[0], len(block)):
            self.settle()
            if full := self._full_for(readings[0], len(block)):
                raise full
        with self._transaction():
            batch_id = self._insert(readings, block) if readings else 0
            self._refuse(refused)
            self._count("born", len(readings) + sum(refused.values()))
            self._connection.execute(
                "INSERT INTO cursor VALUES (1, ?) ON CONFLICT DO UPDATE SET document = excluded.document",
                (json.dumps(cursor),),
            )
            faultpoint("spool.before_commit")
        self._grow(len(readings), len(block))
        return batch_id

    def _full_for(self, first: Reading, size_bytes: int) -> SpoolFullError | None:
        """Why a batch that begins with `first` may not be stored now; None when it may.

        A batch larger than the whole limit must still pass when it is alone, or it would wait for ever.
        """
        if self._bytes and self._bytes + size_bytes > self._max_bytes:
            return SpoolFullError(
                f"The spool {self.path.name} holds {self._bytes} bytes; its limit is {self._max_bytes}.",
                next_step="It drains by itself when Kafka is back; the limit is IOT_PRODUCER__SPOOL_MAX_BYTES.",
            )
        oldest_at_ms = self._oldest_accepted_at_ms() if self._bytes else None
        if oldest_at_ms is None or first.accepted_at_ms - oldest_at_ms <= self._max_age_seconds * 1000:
            return None
        return SpoolTooOldError(
            f"The oldest reading in the spool {self.path.name} has waited for "
            f"{(first.accepted_at_ms - oldest_at_ms) / 3_600_000:.1f} h; the limit is "
            f"{self._max_age_seconds / 3600:g} h, so that its repeats are still known.",
            next_step="It drains by itself when Kafka is back; the limit is IOT_PRODUCER__SPOOL_MAX_AGE_HOURS, and "
            "streams.<name>.dedup_window_hours must be longer by max_age_seconds.",
        )

    def _oldest_accepted_at_ms(self) -> int | None:
        row = self._connection.execute("SELECT accepted_at_ms FROM batches ORDER BY id LIMIT 1").fetchone()
        return row[0] if row else None

    def acknowledge(self, batch_id: int, offsets: Mapping[int, int], refused: Mapping[str, int] | None = None) -> None:
        """Kafka has the whole batch, but for what it refused for good. Written with the next transaction.

        `offsets`: the highest offset of the batch by partition.
        """
        self._settled.batches[batch_id] = refused or {}
        for partition, offset in offsets.items():
            self._settled.offsets[partition] = max(offset, self._settled.offsets.get(partition, -1))

    def settle(self) -> None:
        """Write the acknowledgements noted so far."""
        if self._settled.batches:
            with self._transaction():
                pass

    def after(self, batch_id: int) -> SpooledBatch | None:
        """The next batch behind `batch_id` that is not acknowledged; damaged ones go to quarantine and are counted."""
        while True:
            with explained(self.path):
                row = self._connection.execute(
                    "SELECT id, readings, crc32, frames FROM batches WHERE id > ? ORDER BY id LIMIT 1", (batch_id,)
                ).fetchone()
            if row is None:
                return None
            batch_id = row[0]
            if batch_id in self._settled.batches:
                continue
            try:
                return SpooledBatch(batch_id, _checked(*row[1:]), self._generations.of(batch_id))
            except DamagedError as damage:
                self._quarantine(batch_id, str(damage))

    @property
    def unsettled(self) -> bool:
        """Whether acknowledgements wait for a transaction."""
        return bool(self._settled.batches)

    def depth(self) -> Depth:
        """As of the last transaction."""
        return Depth(self._readings, self._bytes, self._oldest_accepted_at_ms())

    def counters(self) -> dict[str, int]:
        """born, acknowledged, refused and quarantined since this spool began."""
        return read_counters(self._connection)

    def close(self) -> None:
        self.settle()
        self._connection.close()

    def _insert(self, readings: Sequence[Reading], block: bytes) -> int:
        inserted = self._connection.execute(
            "INSERT INTO batches (readings, bytes, accepted_at_ms, crc32, frames) VALUES (?, ?, ?, ?, ?)",
            (len(readings), len(block), readings[0].accepted_at_ms, zlib.crc32(block), block),
        )
        assert inserted.lastrowid is not None
        return inserted.lastrowid

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything in the block and the noted acknowledgements, or nothing."""
        with explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                gone = self._apply_settled()
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        self._settled = _Settled()
        self._grow(-gone[0], -gone[1])

    def _grow(self, readings: int, size_bytes: int) -> None:
        self._readings += readings
        self._bytes += size_bytes

    def _apply_settled(self) -> tuple[int, int]:
        """Remove acknowledged rows and count what they held: readings and bytes that are gone."""
        readings = freed = 0
        refused: Counter[str] = Counter()
        for batch_id, its_refused in self._settled.batches.items():
            row = self._connection.execute(
                "DELETE FROM batches WHERE id = ? RETURNING readings, bytes", (batch_id,)
            ).fetchone()
            if row is not None:
                readings += row[0]
                freed += row[1]
                refused.update(its_refused)
        self._refuse(refused)
        self._count("acknowledged", readings - refused.total())
        self._connection.executemany(
            "INSERT INTO acknowledged_offsets VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET offset = max(offset, excluded.offset)",
            self._settled.offsets.items(),
        )
        return readings, freed

    def _refuse(self, reasons: Mapping[str, int]) -> None:
        self._connection.executemany(
            "INSERT INTO refusals VALUES (?, ?) ON CONFLICT DO UPDATE SET readings = readings + excluded.readings",
            reasons.items(),
        )
        self._count("refused", sum(reasons.values()))

    def _count(self, name: str, by: int) -> None:
        if by:
            self._connection.execute(
                "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                (name, by),
            )

    def _quarantine(self, batch_id: int, why: str) -> None:
        with self._transaction():
            readings, freed = self._connection.execute(
                "SELECT readings, bytes FROM batches WHERE id = ?", (batch_id,)
            ).fetchone()
            self._connection.execute(
                "INSERT INTO quarantine SELECT id, readings, crc32, frames, ? FROM batches WHERE id = ?",
                (why, batch_id),
            )
            self._connection.execute("DELETE FROM batches WHERE id = ?", (batch_id,))
            self._count("quarantined", readings)
        self._grow(-readings, -freed)
        log.error(
            "spool %s: batch %d with %d readings is damaged and set aside: %s", self.path.name, batch_id, readings, why
        )


def _checked(readings: int, crc32: int, frames: bytes) -> list[Reading]:
    if not isinstance(frames, bytes) or zlib.crc32(frames) != crc32:
        raise DamagedError("The stored bytes do not match their checksum.")
    unpacked = unpack(frames)
    if len(unpacked) != readings:
        raise DamagedError(f"The row claims {readings} readings and holds {len(unpacked)}.")
    return unpacked
