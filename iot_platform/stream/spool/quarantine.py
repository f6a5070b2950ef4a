"""Damaged batches that were set aside: why, the bytes as they are, and the readings that can still be cut out."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from iot_platform.errors import DamagedError, UsageError
from iot_platform.stream.framing import frames
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool.file import explained


@dataclass(frozen=True)
class QuarantinedBatch:
    """One batch of the spool `spool` (stream and source). `crc32` is what was stored with it, not what it has now."""

    spool: str
    id: int
    readings: int
    crc32: int
    block: bytes
    why: str

    @property
    def place(self) -> str:
        """Names it in commands."""
        return f"{self.spool}/{self.id}"

    @property
    def crc32_now(self) -> int:
        return zlib.crc32(self.block)

    def readable(self) -> list[Reading]:
        """The readings before the place where the frames cannot be followed. Nothing vouches for their bytes."""
        found: list[Reading] = []
        with suppress(DamagedError):
            found.extend(frames(self.block))
        return found


def list_quarantined(spool_dir: Path) -> list[QuarantinedBatch]:
    """All of them, by spool and id. Read only, also beside a running producer; raises DamagedError by file."""
    return [batch for path in sorted(spool_dir.glob("*.sqlite")) for batch in _of(path)]


def find_quarantined(spool_dir: Path, place: str) -> QuarantinedBatch:
    """The batch that `place` names; UsageError names those that there are."""
    found = {batch.place: batch for batch in list_quarantined(spool_dir)}
    if place not in found:
        known = ", ".join(found) or "none"
        raise UsageError(f"There is no quarantined batch '{place}'.", next_step=f"There are: {known}.")
    return found[place]


def _of(path: Path) -> Iterator[QuarantinedBatch]:
    with (
        explained(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection,
    ):
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'quarantine'").fetchone():
            return
        rows = connection.execute("SELECT id, readings, crc32, frames, why FROM quarantine ORDER BY id").fetchall()
    for batch_id, readings, crc32, block, why in rows:
        # A damaged row may hold anything, also what is no blob.
        raw = block if isinstance(block, bytes) else str(block or "").encode()
        yield QuarantinedBatch(path.stem, batch_id, readings, crc32, raw, why)
