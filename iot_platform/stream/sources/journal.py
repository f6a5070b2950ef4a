"""The source's own list of what it gave, for proofs: written before anything else can go wrong, and read by the judge.

One JSON object a line. Before a batch is handed over, fsynced, a line for each reading:
    {"seq", "message_id", "sensor_id", "sha256", "class"}        ids empty where the bytes name none
and after it is durable in the spool, a line for the whole batch:
    {"accepted": [first seq, last seq]}
A reading without the second line may or may not have been taken; with it, it must be found. After a crash a reading
may stand in the list twice with the same sha256: it was made again, from the cursor before it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from iot_platform.stream.sources.base import Batch, Cursor, Reading, Source


class _Named(msgspec.Struct):
    message_id: str = ""
    sensor_id: str = ""


class _Line(msgspec.Struct):
    seq: int = -1


def journaled(source: Source, path: Path | None) -> Source:
    """`source`, listed at `path` if there is one."""
    return source if path is None else Journaled(source, path)


def journal_of(path: Path | None, part: int) -> Path | None:
    """The journal of one part of the fleet: the first has the path itself, another `name-1.suffix` and so on."""
    return path if path is None or part == 0 else path.with_stem(f"{path.stem}-{part}")


class Journaled:
    """A Source around another: the same readings, listed."""

    def __init__(self, source: Source, path: Path) -> None:
        self._source = source
        self._path = path
        self._seq = 0
        self._file: BinaryIO | None = None

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def can_wait(self) -> bool:
        return self._source.can_wait

    def start(self, cursor: Cursor | None) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._seq = _mend(self._path)
        self._file = self._path.open("ab")
        self._source.start(cursor)

    def batch(self, limit: int) -> Batch:
        batch = self._source.batch(limit)
        if batch.readings:
            self._write(b"".join(_line(self._seq + nth, reading) for nth, reading in enumerate(batch.readings)))
            self._seq += len(batch.readings)
        return batch

    def accepted(self, batch: Batch) -> None:
        if batch.readings:
            last = self._seq - 1
            self._write(msgspec.json.encode({"accepted": [last - len(batch.readings) + 1, last]}) + b"\n")
        self._source.accepted(batch)

    def close(self) -> None:
        if self._file:
            self._file.close()
        self._source.close()

    def _write(self, lines: bytes) -> None:
        assert self._file is not None, "start() comes first"
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())


def _line(seq: int, reading: Reading) -> bytes:
    value = reading.value or b""
    try:
        named = msgspec.json.decode(value, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        named = _Named()
    facts = {
        "seq": seq,
        "message_id": named.message_id,
        "sensor_id": named.sensor_id,
        "sha256": hashlib.sha256(value).hexdigest(),
        "class": reading.expectation,
    }
    return msgspec.json.encode(facts) + b"\n"


def _mend(path: Path) -> int:
    """Cut off a line that a crash left unfinished; the next sequence number."""
    if not path.exists():
        return 0
    whole_bytes = following = 0
    with path.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole_bytes += len(line)
            following = max(following, msgspec.json.decode(line, type=_Line).seq + 1)
        file.truncate(whole_bytes)
    return following
