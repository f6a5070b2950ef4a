"""Files as sources: CSV and Parquet by a mapping, NDJSON by a mapping or as readings ready for the wire."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from iot_platform.clock import Clock, unix_millis
from iot_platform.errors import UnavailableError, UsageError
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.sources.births import Births, Payload
from iot_platform.stream.sources.mapping import Mapping, as_wire, rebase_origin
from iot_platform.stream.sources.rows import READ_ERRORS, SKIPPED, Row, read_lines, read_rows

_BEGINS_ANEW = "When the file is whole, run the same command again: it begins anew, and no reading counts twice."


class _Keyed(msgspec.Struct):
    sensor_id: str


class FileSource:
    """A Source. A crashed run goes on at the row where it was; a finished file begins anew, with the same ids.

    Without a mapping each line of the file is a reading as it is.
    A file that changes while it is read is no more what the rows so far came from, and its last row may be half
    written: UnavailableError. What was taken stays taken; the next start begins the file anew, with the same ids.
    The cursor also keeps the rebase origin: a run that goes on, or begins an unfinished file anew, keeps its own.
    """

    can_wait = True

    def __init__(self, path: Path, mapping: Mapping | None, stream: str, clock: Clock) -> None:
        if not path.is_file():
            raise UsageError(f"There is no file {path}.", next_step="Check the path given with --file.")
        if mapping is None and path.suffix.lower() not in {".ndjson", ".jsonl"}:
            raise UsageError(
                f"{path} needs a mapping: only NDJSON may hold readings as they are.", next_step="Give --mapping."
            )
        self.name = "file-" + (re.sub(r"[^a-z0-9_]+", "-", path.stem.lower()).strip("-") or "unnamed")
        self._path = path
        self._mapping = mapping
        self._stream = stream
        self._clock = clock

    def start(self, cursor: Cursor | None) -> None:
        self._version = self._version_now()
        rules = self._mapping.fingerprint if self._mapping else "as it is"
        self._identity = f"{self._path.name}:{self._version}:{rules}"
        unfinished = cursor if cursor and not cursor["exhausted"] else {}
        goes_on = unfinished.get("file") == self._identity
        known = unfinished if goes_on else {name: unfinished[name] for name in ("origin",) if name in unfinished}
        self._exhausted = False
        self._row = int(known.get("row", 0))  # rows that are done
        self._given = int(known.get("given", 0))  # readings of the next row that are done
        self._births = self._midwife(known) if self._mapping else None
        self._reader = read_rows(self._path, self._mapping) if self._mapping else read_lines(self._path)
        self._rows = islice(self._reader, self._row, None)
        self._of_row: deque[Payload] = deque()

    def batch(self, limit: int) -> Batch:
        """UnavailableError when the file has changed since `start`, or can be read no further."""
        try:
            taken, skipped = self._take_up_to(limit)
        except READ_ERRORS as error:
            self._refuse_change()
            raise UnavailableError(
                f"{self._path} cannot be read beyond row {self._row}: {error}.", next_step=_BEGINS_ANEW
            ) from error
        self._refuse_change()
        accepted_at_ms = unix_millis(self._clock.now())
        readings = [Reading(key, value, accepted_at_ms) for key, value in taken]
        return Batch(readings, self._cursor(), exhausted=self._exhausted, skipped=skipped)

    def accepted(self, batch: Batch) -> None:
        pass

    def close(self) -> None:
        reader = getattr(self, "_reader", None)  # none when it was never started
        if reader is not None:
            reader.close()

    def _version_now(self) -> str:
        try:
            state = self._path.stat()
        except FileNotFoundError:
            raise UnavailableError(f"{self._path} was removed while it was read.", next_step=_BEGINS_ANEW) from None
        return f"{state.st_size}:{state.st_mtime_ns}"

    def _refuse_change(self) -> None:
        """After the reading: so what was read came from the file as it was."""
        if self._version_now() != self._version:
            raise UnavailableError(f"{self._path} was changed while it was read.", next_step=_BEGINS_ANEW)

    def _take_up_to(self, limit: int) -> tuple[list[Payload], int]:
        """At most `limit` readings, and how many rows were skipped."""
        taken: list[Payload] = []
        skipped = 0
        while len(taken) < limit and not self._exhausted:
            if self._of_row:
                taken.append(self._take())
                continue
            row = next(self._rows, None)
            if row is None:
                self._exhausted = True
            elif row == SKIPPED:
                self._row += 1
                skipped += 1
            else:
                self._of_row.extend(islice(self._payloads(row), self._given, None))
        return taken, skipped

    def _take(self) -> Payload:
        payload = self._of_row.popleft()
        self._given += 1
        if not self._of_row:
            self._row, self._given = self._row + 1, 0
        return payload

    def _payloads(self, row: Row) -> Iterator[Payload]:
        if row.cells is not None and self._births:
            yield from self._births.of(row.cells)
        elif row.raw is not None:
            yield _key_of(row.raw), row.raw

    def _midwife(self, known: Cursor) -> Births:
        assert self._mapping is not None
        rebase = self._mapping.time.rebase
        if not rebase:
            return Births(self._mapping, self._stream)
        if rebase != "now":
            origin = rebase_origin(rebase)
        else:
            origin = rebase_origin(known["origin"]) if "origin" in known else self._clock.now()
        first = known.get("first")
        return Births(self._mapping, self._stream, origin, rebase_origin(first) if first else None)

    def _cursor(self) -> dict[str, Any]:
        cursor: dict[str, Any] = {
            "file": self._identity,
            "row": self._row,
            "given": self._given,
            "exhausted": self._exhausted,
        }
        if self._births and self._births.origin:
            cursor["origin"] = as_wire(self._births.origin)
            cursor["first"] = as_wire(self._births.first) if self._births.first else None
        return cursor


def _key_of(line: bytes) -> bytes | None:
    """The key of a reading that is sent as it is; None where it names no sensor (it dies with a reason)."""
    try:
        return msgspec.json.decode(line, type=_Keyed).sensor_id.encode()
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
