"""What is measured from time to time and kept as rows: lag and audits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from iot_platform.warehouse.marts import Connection, transaction
from iot_platform.warehouse.process_samples import thin_samples

DETAIL_KEPT = timedelta(hours=48)
"""Older lag snapshots and audits are thinned to one of each hour: each 30 s for 400 days would be millions of rows."""


@dataclass(frozen=True)
class LagRow:
    """How far one consumer group is behind on one partition; `committed` is None before its first commit.

    What follows `seconds` is of its course (docs/lag.md): None where that is not known.
    """

    consumer_group: str
    topic: str
    partition: int
    committed: int | None
    end_offset: int
    high_watermark: int
    messages: int
    seconds: float
    own: bool = True
    status: str | None = None
    inflow: float | None = None
    outflow: float | None = None
    catch_up_seconds: float | None = None
    retention_left_seconds: float | None = None
    text: str | None = None


def add_lag_snapshot(connection: Connection, taken_at: datetime, rows: Sequence[LagRow]) -> None:
    """Keep one snapshot; with the first of each hour, older ones are thinned."""
    with transaction(connection):
        if _begins_an_hour(connection, taken_at):
            _thin(connection, taken_at - DETAIL_KEPT)
            thin_samples(connection, taken_at - DETAIL_KEPT)
        if rows:
            connection.executemany(
                f"INSERT INTO lag_snapshots VALUES ({', '.join('?' * (1 + len(fields(LagRow))))})",  # noqa: S608
                [[taken_at, *astuple(row)] for row in rows],
            )


def _begins_an_hour(connection: Connection, taken_at: datetime, table: str = "lag_snapshots") -> bool:
    row = connection.execute(
        f"SELECT count(*) FROM {table} WHERE taken_at >= date_trunc('hour', ?::TIMESTAMPTZ)",  # noqa: S608 - our own names
        [taken_at],
    ).fetchone()
    return row == (0,)


def _thin(connection: Connection, before: datetime) -> None:
    """Whole hours before `before` keep, of each partition, the row that was longest behind."""
    connection.execute(
        """
        DELETE FROM lag_snapshots WHERE rowid IN (
            SELECT rowid FROM lag_snapshots
            WHERE taken_at < date_trunc('hour', ?::TIMESTAMPTZ)
            QUALIFY row_number() OVER (
                PARTITION BY date_trunc('hour', taken_at), consumer_group, topic, partition
                ORDER BY seconds DESC, messages DESC, taken_at DESC
            ) > 1
        )
        """,
        [before],
    )


def add_ledger_audit(connection: Connection, taken_at: datetime, statement: Mapping[str, Any]) -> None:
    """Keep one audit, given as the object of `audit --json` (`Statement.as_document()`); with the first of each hour,
    older ones are thinned."""
    counts = [statement[name] for name in ("raw", "valid", "repaired", "dead", "duplicates", "in_flight")]
    loaded = statement["loaded"]
    with transaction(connection):
        if _begins_an_hour(connection, taken_at, "ledger_audit"):
            _thin_audits(connection, taken_at - DETAIL_KEPT)
        connection.execute(
            "INSERT INTO ledger_audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                taken_at, statement["stream"], *counts, loaded["valid"], loaded["dead"], statement["unaccounted"],
                json.dumps(list(statement["findings"])),
            ],
        )  # fmt: skip


def _thin_audits(connection: Connection, before: datetime) -> None:
    """Whole hours before `before` keep, of each stream, the newest audit that could not account for all; without such a
    one the newest."""
    connection.execute(
        """
        DELETE FROM ledger_audit WHERE rowid IN (
            SELECT rowid FROM ledger_audit
            WHERE taken_at < date_trunc('hour', ?::TIMESTAMPTZ)
            QUALIFY row_number() OVER (
                PARTITION BY date_trunc('hour', taken_at), stream
                ORDER BY unaccounted <> 0 OR json_array_length(findings) > 0 DESC, taken_at DESC
            ) > 1
        )
        """,
        [before],
    )
