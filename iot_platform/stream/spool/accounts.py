"""What the spools say happened to every reading that was born."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from iot_platform.errors import PlatformError
from iot_platform.stream.spool.file import explained, read_counters


@dataclass(frozen=True)
class SourceAccount:
    """One source's books. `spooled` is counted from the rows that are there, so a lost row breaks the sum:
    born = acknowledged + spooled + refused + quarantined."""

    name: str
    born: int
    acknowledged: int
    spooled: int
    refused: int
    quarantined: int
    spooled_bytes: int = 0
    oldest_accepted_at_ms: int | None = None
    refused_by_reason: Mapping[str, int] = field(default_factory=dict)
    acknowledged_offsets: Mapping[int, int] = field(default_factory=dict)
    """By partition, the highest raw offset that Kafka acknowledged."""


def read_accounts(spool_dir: Path, stream: str) -> list[SourceAccount]:
    """The books of every source of `stream`, by name; read only, also beside a running producer.

    Raises DamagedError or UnavailableError, with the file's name, when one cannot be read.
    """
    accounts, troubles = read_accounts_there_are(spool_dir, stream)
    if troubles:
        raise troubles[0]
    return accounts


def read_accounts_there_are(spool_dir: Path, stream: str) -> tuple[list[SourceAccount], list[PlatformError]]:
    """The books that can be read, and an error for each file that cannot."""
    accounts: list[SourceAccount] = []
    troubles: list[PlatformError] = []
    # Slots follow the name and a hyphen, which no stream name contains: no stream sees another's spools.
    for path in sorted(spool_dir.glob(f"{stream}-*.sqlite")):
        try:
            accounts.append(_read_account(path, path.stem.removeprefix(f"{stream}-")))
        except PlatformError as error:
            troubles.append(error)
    return accounts, troubles


def _read_account(path: Path, name: str) -> SourceAccount:
    with (
        explained(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection,
    ):
        connection.execute("BEGIN")  # one snapshot for all the sums
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cursor'").fetchone():
            return SourceAccount(name, 0, 0, 0, 0, 0)  # killed while it was being made
        spooled, spooled_bytes, oldest = connection.execute(
            "SELECT coalesce(sum(readings), 0), coalesce(sum(bytes), 0), min(accepted_at_ms) FROM batches"
        ).fetchone()
        return SourceAccount(
            name=name,
            spooled=spooled,
            spooled_bytes=spooled_bytes,
            oldest_accepted_at_ms=oldest,
            refused_by_reason=dict(connection.execute("SELECT reason, readings FROM refusals").fetchall()),
            acknowledged_offsets=dict(
                connection.execute("SELECT partition, offset FROM acknowledged_offsets").fetchall()
            ),
            **read_counters(connection),
        )
