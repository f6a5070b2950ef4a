"""What the processes of the streams used, sample by sample, beside the lag that they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from iot_platform.warehouse.marts import Connection


@dataclass(frozen=True)
class ProcessSample:
    """One process at one moment; the columns of `process_samples`."""

    taken_at: datetime
    process: str
    pid: int
    cpu_seconds: float
    cpu_share: float | None
    memory_bytes: int
    writes: int | None
    written: float | None
    write_seconds: float | None


def last_samples(connection: Connection) -> Mapping[str, ProcessSample]:
    """The newest of each process."""
    rows = connection.execute(
        "FROM process_samples QUALIFY row_number() OVER (PARTITION BY process ORDER BY taken_at DESC) = 1"
    ).fetchall()
    return {sample.process: sample for sample in (ProcessSample(*row) for row in rows)}


def add_samples(connection: Connection, samples: Sequence[ProcessSample]) -> None:
    if samples:
        connection.executemany(
            "INSERT INTO process_samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [list(astuple(one)) for one in samples]
        )


def thin_samples(connection: Connection, before: datetime) -> None:
    """Whole hours before `before` keep, of each process, the sample that was busiest."""
    connection.execute(
        """
        DELETE FROM process_samples WHERE rowid IN (
            SELECT rowid FROM process_samples
            WHERE taken_at < date_trunc('hour', ?::TIMESTAMPTZ)
            QUALIFY row_number() OVER (
                PARTITION BY date_trunc('hour', taken_at), process
                ORDER BY cpu_share DESC NULLS LAST, memory_bytes DESC, taken_at DESC
            ) > 1
        )
        """,
        [before],
    )
