"""Rows of our own making in a DuckDB of their own, by the loader's own columns and transaction."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from iot_platform.clock import unix_millis
from iot_platform.contract import dead_letter
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.dead_letter import Provenance
from iot_platform.contract.ledger_rows import LedgerRow
from iot_platform.contract.reasons import Code, Reason
from iot_platform.pipeline import columns
from iot_platform.quality.hours import Hours
from iot_platform.quality.marts import Built, build
from iot_platform.quality.tables import MARTS
from iot_platform.warehouse.marts import Connection, ask_rows
from iot_platform.warehouse.migrations import migrate
from iot_platform.warehouse.writer import LoadTransaction
from tests.quality.fleet_loads import Record
from tests.support.readings import encoded, wire_time

STREAM = "iot_data"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
CATALOGUES = {"iot_data": load_catalogue("iot_data"), "air_quality": load_catalogue("air_quality")}

_offsets = itertools.count()


def warehouse() -> Connection:
    """A DuckDB in memory with the warehouse's tables."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    migrate(connection)
    return connection


def reading(
    at: datetime, sensor_id: str = "sensor-1", *, partition: int = 0, filled: Sequence[str] = (), **changes: Any
) -> Record:
    """A valid reading accepted at `at`; `filled` are the fields that the validator filled."""
    headers: list[tuple[str, bytes | None]] = (
        [(dead_letter.REPAIRED, str(list(filled)).replace("'", '"').encode())] if filled else []
    )
    value = encoded(**{"sensor_id": sensor_id, "generated_at": wire_time(at), **changes})
    return Record(sensor_id.encode(), value, headers, unix_millis(at), partition, next(_offsets))


def dead(
    at: datetime,
    sensor_id: str | None = "sensor-1",
    *reasons: tuple[Code, str],
    partition: int = 0,
    value: bytes | None = b"{}",
) -> Record:
    """A dead letter accepted at `at`, by default for a value out of range."""
    provenance = Provenance(
        tuple(Reason(code, name, f"{code.value} of {name}") for code, name in reasons or [(Code.RANGE, "value")]),
        "test", "raw_iot_data", partition, next(_offsets), at.isoformat(), 1,
    )  # fmt: skip
    key = b"no sensor" if sensor_id is None else sensor_id.encode()
    return Record(key, value, dead_letter.to_headers([], provenance), unix_millis(at), partition, next(_offsets))


def repeats(at: datetime, by_sensor: Mapping[str, int]) -> LedgerRow:
    """A ledger row of nothing but duplicates."""
    count = sum(by_sensor.values())
    first = next(_offsets) * 1_000
    return LedgerRow(
        STREAM, 0, first, first + count - 1, 0, 0, 0, count, 0, 1, "test", at, at, {}, dict(by_sensor)
    )  # fmt: skip


def load(
    connection: Connection,
    valid: Sequence[Record] = (),
    dead_letters: Sequence[Record] = (),
    ledger: Sequence[LedgerRow] = (),
    *,
    stream: str = STREAM,
    at: datetime = NOON,
) -> None:
    """One load."""
    with LoadTransaction(connection, at) as transaction:
        if valid:
            transaction.add_readings(stream, columns.readings(valid), fill_location=True)
        if dead_letters:
            transaction.add_dead_letters(stream, columns.dead_letters(dead_letters))
        if ledger:
            transaction.add_ledger(stream, ledger)


def made(connection: Connection, mart: str, hours: Hours | None = None, now: datetime = NOON) -> Built:
    return build(connection, MARTS[mart], now=now, catalogues=CATALOGUES, hours=hours)


def made_all(connection: Connection, now: datetime = NOON) -> None:
    for mart in MARTS:
        made(connection, mart, now=now)


def table(connection: Connection, name: str) -> list[dict[str, Any]]:
    """All its rows, in an order of their own."""
    return ask_rows(connection, f"FROM {name} ORDER BY ALL", {})
