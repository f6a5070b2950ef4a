"""Remove what has been kept long enough: whole days of loading, in one transaction with the note that they are gone."""

from __future__ import annotations

from datetime import date

import duckdb

TABLES = ("readings", "dead_letters")


def remove_before(connection: duckdb.DuckDBPyConnection, day: date) -> int:
    """Remove rows loaded before `day` (UTC) from the hot tables; how many there were."""
    connection.begin()
    try:
        removed = sum(_remove(connection, table, day) for table in TABLES)
        connection.execute("UPDATE load_ranges SET removed = true WHERE loaded_on < ? AND NOT removed", [day])
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    return removed


def _remove(connection: duckdb.DuckDBPyConnection, table: str, day: date) -> int:
    (count,) = connection.execute(
        f"DELETE FROM {table} WHERE loaded_at < ?::DATE::TIMESTAMPTZ",  # noqa: S608 - a constant of this file
        [day],
    ).fetchone() or (0,)
    return int(count)
