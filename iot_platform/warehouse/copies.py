"""Copies of the warehouse for readers: Parquet segments, and a catalogue of views over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from pathlib import Path

import duckdb

from iot_platform.warehouse.mart_parts import Part, rows_of

SMALL_TABLES = (
    "ledger", "sensors", "topic_offsets", "load_ranges",
    "dlq_samples", "silent_sensors", "lag_snapshots", "process_samples", "ledger_audit", "mart_state",
    "dlq_decisions", "redrives", "redriven", "dlq_status", "dlq_outcomes",
)  # fmt: skip
"""Tables that a catalogue holds as a whole: they grow with partitions, sensors and hours, not with readings."""

VIEWS = ("flagged_readings",)
"""Views over tables of the catalogue, as the warehouse has them."""

MACROS = ("quality_score",)
"""Functions of the warehouse that questions to a copy may use."""


def newest_load(connection: duckdb.DuckDBPyConnection) -> int:
    """The load_id of the newest row; 0 when there is none."""
    row = connection.execute(
        "SELECT greatest((SELECT coalesce(max(load_id), 0) FROM readings), "
        "(SELECT coalesce(max(load_id), 0) FROM dead_letters))"
    ).fetchone()
    return int(row[0]) if row else 0


def load_moment(connection: duckdb.DuckDBPyConnection, load_id: int) -> str:
    """When that load was, to the microsecond (RFC 3339); empty when the warehouse has no row of it.

    Load numbers come again after a restore from an older copy; this moment does not.
    """
    row = connection.execute(
        "SELECT loaded_at FROM readings WHERE load_id = $load_id "
        "UNION ALL SELECT loaded_at FROM dead_letters WHERE load_id = $load_id LIMIT 1",
        {"load_id": load_id},
    ).fetchone()
    return row[0].astimezone(UTC).isoformat() if row else ""


def new_days(connection: duckdb.DuckDBPyConnection, table: str, after_load: int) -> list[tuple[str, int]]:
    """Days (UTC) of rows of `table` loaded after `after_load`, each with how many there are."""
    days = connection.execute(
        f"SELECT loaded_at::DATE, count(*) FROM {table} WHERE load_id > ? GROUP BY 1 ORDER BY 1",  # noqa: S608
        [after_load],
    ).fetchall()
    return [(day.isoformat(), int(rows)) for day, rows in days]


def copy_rows(connection: duckdb.DuckDBPyConnection, table: str, after_load: int, day: str, target: Path) -> None:
    """Rows of `table` loaded after `after_load` and on `day` into a new Parquet file."""
    temporary = target.with_suffix(".tmp")
    connection.execute(
        f"COPY (SELECT * FROM {table} WHERE load_id > {int(after_load)} "  # noqa: S608 - COPY takes no parameters
        f"AND loaded_at::DATE = DATE '{date.fromisoformat(day)}') TO {_literal(temporary)} "
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    temporary.replace(target)


def copy_part(connection: duckdb.DuckDBPyConnection, part: Part, target: Path) -> int:
    """The rows of one week of an hourly or daily mart into a new Parquet file; how many there are."""
    temporary = target.with_suffix(".tmp")
    (rows,) = connection.execute(
        f"COPY ({rows_of(part)}) TO {_literal(temporary)} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone() or (0,)
    temporary.replace(target)
    return int(rows)


def merge_segments(connection: duckdb.DuckDBPyConnection, sources: Sequence[Path], target: Path) -> None:
    """All rows of `sources` in one Parquet file, in order."""
    temporary = target.with_suffix(".tmp")
    connection.execute(
        f"COPY (SELECT * FROM {_parquet(sources)}) TO {_literal(temporary)} "  # noqa: S608 - our own paths
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    temporary.replace(target)


def write_catalogue(connection: duckdb.DuckDBPyConnection, target: Path, files: Mapping[str, Sequence[Path]]) -> None:
    """A DuckDB file with a view for each table over its Parquet files, and the small tables as they are."""
    connection.execute(f"ATTACH {_literal(target)} AS catalogue")
    try:
        for table, paths in files.items():
            # Without a row yet there is no file: the view then has the table's columns and nothing in it.
            if paths:
                connection.execute(f"CREATE VIEW catalogue.{table} AS SELECT * FROM {_parquet(paths)}")  # noqa: S608
            else:
                connection.execute(f"CREATE TABLE catalogue.{table} AS FROM {table} LIMIT 0")
        for table in SMALL_TABLES:
            connection.execute(f"CREATE TABLE catalogue.{table} AS FROM {table}")
        for view in VIEWS:
            _copy_view(connection, view)
        for macro in MACROS:
            _copy_macro(connection, macro)
        # Else all of it stays in a log beside the file, which the rename leaves behind.
        connection.execute("CHECKPOINT catalogue")
    finally:
        connection.execute("DETACH catalogue")


def _copy_view(connection: duckdb.DuckDBPyConnection, view: str) -> None:
    """A view names its tables without a database: they are those of the database it is made in."""
    (home, sql) = connection.execute(
        "SELECT database_name, sql FROM duckdb_views() WHERE view_name = ? AND database_name = current_database()",
        [view],
    ).fetchone() or ("", "")
    connection.execute("USE catalogue")
    try:
        connection.execute(sql)
    finally:
        connection.execute(f'USE "{home}"')


def _copy_macro(connection: duckdb.DuckDBPyConnection, macro: str) -> None:
    (parameters, definition) = connection.execute(
        "SELECT parameters, macro_definition FROM duckdb_functions() "
        "WHERE function_name = ? AND database_name = current_database()",
        [macro],
    ).fetchone() or ([], "")
    connection.execute(f"CREATE MACRO catalogue.{macro}({', '.join(parameters)}) AS {definition}")


def named_in_catalogue(catalogue: Path, paths: Iterable[str]) -> set[str]:
    """Those of `paths` that a view of the catalogue reads; all of them when the catalogue cannot be asked."""
    if not catalogue.exists():
        return set()
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            views = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
    except duckdb.Error:
        return set(paths)
    return {path for path in paths if any(path in sql for (sql,) in views)}


def _parquet(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(_literal, paths))}])"


def _literal(path: Path) -> str:
    """A path as an SQL string; COPY, ATTACH and views take no parameters."""
    return "'" + str(path).replace("'", "''") + "'"
