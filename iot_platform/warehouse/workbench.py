"""What the warehouse knows of the dead letters that people work on: decisions, and what became of them.

Each function is given a connection: to the warehouse, or for questions to the reader's copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from iot_platform.errors import UnavailableError
from iot_platform.warehouse.marts import ask_rows, taken_by
from iot_platform.warehouse.scripts import workbench

Connection = duckdb.DuckDBPyConnection
Row = dict[str, Any]


class Source(NamedTuple):
    """Where the raw record of a dead letter is."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Decision:
    """One decision about one dead letter; `decision` is redrive, park, release or unrecoverable."""

    source: Source
    decision: str
    redrive_id: str | None = None
    patch: str | None = None
    patch_digest: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Known:
    """What is known of a record that was sent again; `outcome` is sent, valid, dead or duplicate."""

    source: Source
    redrive_id: str
    outcome: str
    topic: str
    partition: int
    offset: int
    patched: str | None = None


@dataclass(frozen=True)
class Batch:
    """Records that are sent again together. `raw_ends` is JSON: none of them is in the raw topic before."""

    redrive_id: str
    raw_ends: str
    patch: str | None = None
    patch_text: str | None = None


def ask_letters(connection: Connection, question: str, named: Mapping[str, Any]) -> list[Row]:
    """The rows of sql/workbench/<question>.sql, asked of the dead letters that `named` asks for.

    Raises UnavailableError for a reader's copy that is older than the workbench.
    """
    texts = workbench()
    try:
        return ask_rows(connection, f"WITH letters AS ({texts['letters']}) {texts[question]}", named)
    except duckdb.CatalogException as error:
        raise UnavailableError(
            "The reader's copy is from before this version of the platform.",
            next_step="The next cycle writes it anew; without Dagster `iot-platform load --until-caught-up`.",
        ) from error


def accepted_before(
    connection: Connection, stream: str, ids: Sequence[str], born: tuple[datetime, datetime]
) -> dict[str, Source]:
    """Of message ids, those of readings born within `born`, both included; with their place in the validated topic."""
    named = {"stream": stream, "ids": list(ids), "earliest": born[0], "latest": born[1]}
    rows = ask_rows(connection, workbench()["accepted"], named)
    return {row["message_id"]: Source(row["partition"], row["kafka_offset"]) for row in rows}


def add_decisions(connection: Connection, stream: str, decisions: Sequence[Decision], now: datetime) -> None:
    if decisions:
        connection.executemany(
            "INSERT INTO dlq_decisions (stream, source_partition, source_offset, decision, decided_at, redrive_id, "
            "patch, patch_digest, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [stream, *one.source, one.decision, now, one.redrive_id, one.patch, one.patch_digest, one.detail]
                for one in decisions
            ],
        )


def add_batch(connection: Connection, stream: str, batch: Batch, now: datetime) -> None:
    connection.execute(
        "INSERT INTO redrives (redrive_id, stream, began_at, patch, patch_text, raw_ends) VALUES (?, ?, ?, ?, ?, ?)",
        [batch.redrive_id, stream, now, batch.patch, batch.patch_text, batch.raw_ends],
    )


def add_known(connection: Connection, stream: str, known: Sequence[Known], now: datetime) -> None:
    if known:
        connection.executemany(
            "INSERT INTO redriven (stream, source_partition, source_offset, redrive_id, outcome, topic, partition, "
            "kafka_offset, patched, known_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [
                    stream,
                    *one.source,
                    one.redrive_id,
                    one.outcome,
                    one.topic,
                    one.partition,
                    one.offset,
                    one.patched,
                    now,
                ]
                for one in known
            ],
        )


def unsent(connection: Connection, stream: str) -> list[tuple[Batch, list[Source]]]:
    """Batches with records that were to be sent and of which nothing is known, the oldest first."""
    batches: dict[str, tuple[Batch, list[Source]]] = {}
    for row in ask_rows(connection, workbench()["unsent"], {"stream": stream}):
        batch = Batch(row["redrive_id"], row["raw_ends"], row["patch"], row["patch_text"])
        batches.setdefault(batch.redrive_id, (batch, []))[1].append(
            Source(row["source_partition"], row["source_offset"])
        )
    return list(batches.values())


def conclude_duplicates(connection: Connection, stream: str, now: datetime) -> None:
    """Say of records that were sent again and judged, and are nowhere, that they are duplicates."""
    sql = workbench()["conclude"]
    connection.execute(sql, taken_by(sql, {"stream": stream, "now": now}))


@dataclass(frozen=True)
class RedriveAccount:
    """The workbench as a source of raw records."""

    born: int
    acknowledged: int
    acknowledged_offsets: Mapping[int, int]


def read_redrive_account(connection: Connection, stream: str) -> RedriveAccount:
    rows = ask_rows(connection, workbench()["redriven_source"], {"stream": stream})
    return RedriveAccount(
        sum(row["born"] for row in rows),
        sum(row["acknowledged"] for row in rows),
        {row["partition"]: row["highest"] for row in rows if row["highest"] is not None},
    )
