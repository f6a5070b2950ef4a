"""Remove what has been kept long enough: whole days of loading, in one transaction with the note that they are gone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import duckdb

from iot_platform.warehouse.mart_parts import PARTED, renew_parts

TABLES = ("readings", "dead_letters")
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
_MARTS = {
    "stream_flow": "hour",
    "dlq_summary": "hour",
    "sensor_quality": "hour",
    "null_rates": "hour",
    "duplicate_rates": "hour",
    "extra_fields": "hour",
    "quality_trends": "day",
    "sensor_values": "hour",
    "sensor_findings": "hour",
    "dlq_samples": "loaded_at",
    "lag_snapshots": "taken_at",
    "process_samples": "taken_at",
    "ledger_audit": "taken_at",
    "dlq_decisions": "decided_at",
    "redrives": "began_at",
    "redriven": "known_at",
}
"""Tables made for reading, each with the column that says how old a row is; silent_sensors is small and made anew."""


def remove_before(connection: duckdb.DuckDBPyConnection, day: date) -> int:
    """Remove rows loaded before `day` (UTC) from the hot tables, how many there were; and what marts tell of before."""
    connection.begin()
    try:
        removed = sum(_remove(connection, table, "loaded_at", day) for table in TABLES)
        for mart, column in _MARTS.items():
            if _remove(connection, mart, column, day) and mart in PARTED:
                renew_parts(connection, mart, _BEGINNING, datetime.combine(day, time(), UTC))
        connection.execute("UPDATE load_ranges SET removed = true WHERE loaded_on < ? AND NOT removed", [day])
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    return removed


def _remove(connection: duckdb.DuckDBPyConnection, table: str, column: str, day: date) -> int:
    (count,) = connection.execute(
        f"DELETE FROM {table} WHERE {column} < ?::DATE::TIMESTAMPTZ",  # noqa: S608 - constants of this file
        [day],
    ).fetchone() or (0,)
    return int(count)
