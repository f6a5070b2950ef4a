"""Which split of a fleet a spooled batch is from.

When another number of producers shares a fleet, a sensor may move from one spool to another. Each split has a number of
its own, its generation, which only grows; a spool knows from which batch on it holds which. Batches of no fleet are of
generation 0.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from contextlib import closing
from pathlib import Path

from iot_platform.errors import DamagedError, PlatformError
from iot_platform.stream.spool.file import explained

_LOWEST_WAITING = """
SELECT (SELECT coalesce(max(generation), 0) FROM generations WHERE first_id <= oldest.id)
FROM (SELECT min(id) AS id FROM batches) AS oldest WHERE oldest.id IS NOT NULL
"""


class Generations:
    """The generations of one spool, by the connection of its writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT first_id, generation FROM generations ORDER BY first_id").fetchall()
        self._first_ids = [first_id for first_id, _ in rows]
        self._numbers = [number for _, number in rows]

    @property
    def newest(self) -> int:
        return self._numbers[-1] if self._numbers else 0

    def of(self, batch_id: int) -> int:
        place = bisect_right(self._first_ids, batch_id)
        return self._numbers[place - 1] if place else 0

    def begin(self, generation: int, connection: sqlite3.Connection) -> None:
        """Batches from now on are of `generation`; nothing to do when they are already."""
        if generation <= self.newest:
            return
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone()
        first_id = (row[0] if row else 0) + 1
        # A generation without a batch is followed by the next at the same id.
        connection.execute("INSERT OR REPLACE INTO generations VALUES (?, ?)", (first_id, generation))
        if self._first_ids and self._first_ids[-1] == first_id:
            self._numbers[-1] = generation
        else:
            self._first_ids.append(first_id)
            self._numbers.append(generation)


def lowest_waiting(path: Path) -> int | None:
    """The generation of the oldest batch that waits in the spool; None when none does, or the file is damaged.

    Read only, also beside its writer. A damaged file is an alert of its own, and must hold nobody back; one that cannot
    be read now may hold anything, so it counts as the oldest.
    """
    return _ask(path, _LOWEST_WAITING, without="SELECT 0 FROM batches LIMIT 1")


def newest_generation(path: Path) -> int:
    """The newest generation that the spool has known; 0 when it knows of none."""
    return _ask(path, "SELECT coalesce(max(generation), 0) FROM generations", without="SELECT 0") or 0


def _ask(path: Path, question: str, *, without: str) -> int | None:
    """`without` is asked of a file that was made before there were generations."""
    try:
        with (
            explained(path),
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection,
        ):
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()}
            if "batches" not in tables:
                return None  # killed while it was being made
            row = connection.execute(question if "generations" in tables else without).fetchone()
    except DamagedError:
        return None
    except (PlatformError, sqlite3.OperationalError):
        return 0
    return None if row is None else int(row[0])
