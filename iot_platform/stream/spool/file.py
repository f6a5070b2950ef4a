"""The spool's file: its tables, and SQLite's errors in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iot_platform.errors import DamagedError, UnavailableError

PAGE_BYTES = 32_768  # batches are large: few pages a row
SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    readings INTEGER NOT NULL, bytes INTEGER NOT NULL, accepted_at_ms INTEGER NOT NULL,
    crc32 INTEGER NOT NULL, frames BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY, readings INTEGER NOT NULL, crc32 INTEGER NOT NULL, frames BLOB, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refusals (reason TEXT PRIMARY KEY, readings INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS acknowledged_offsets (
    partition INTEGER PRIMARY KEY, offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS generations (first_id INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), document TEXT NOT NULL);
"""


class SpoolFullError(UnavailableError):
    """The batch does not fit under the spool's limit, or on the disk; nothing of it was stored."""

    reason = "spool_full"
    """By which readings are counted that are refused for it."""


class SpoolTooOldError(SpoolFullError):
    """What waits in the spool has waited for too long: more must not be taken until it is delivered."""

    reason = "spool_too_old"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        # SQLITE_FULL is a full disk; SQLITE_IOERR is how a file-size limit or a dying disk shows.
        if error.sqlite_errorname == "SQLITE_FULL" or error.sqlite_errorname.startswith("SQLITE_IOERR"):
            raise SpoolFullError(
                f"The spool {path} cannot be written: {error}.",
                next_step="Free space on its disk; it goes on by itself.",
            ) from error
        if error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM")):
            raise UnavailableError(
                f"The spool {path} cannot be opened: {error}.",
                next_step="Give this user the right to read and write it and its directory, or move it aside.",
            ) from error
        raise
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
            raise DamagedError(
                f"The spool {path} is damaged beyond its rows: {error}.",
                next_step="Move the file aside, start again, and try `sqlite3 FILE .recover` on it.",
            ) from error
        raise


def spool_path(spool_dir: Path, stream: str, slot: str) -> Path:
    return spool_dir / f"{stream}-{slot}.sqlite"


def read_counters(connection: sqlite3.Connection) -> dict[str, int]:
    stored = dict(connection.execute("SELECT name, value FROM counters").fetchall())
    return {name: stored.get(name, 0) for name in ("born", "acknowledged", "refused", "quarantined")}
