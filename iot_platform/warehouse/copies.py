"""Copies of the warehouse for readers: Parquet segments, and a catalogue of views over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

SMALL_TABLES = ("ledger", "sensors", "topic_offsets", "load_ranges")
"""Tables that a catalogue holds as a whole: they grow with partitions, sensors and hours, not with readings."""


def newest_load(connection: duckdb.DuckDBPyConnection) -> int:
    """The load_id of the newest row; 0 when there is none."""
    row = connection.execute(
        "SELECT greatest((SELECT coalesce(max(load_id), 0) FROM readings), "
        "(SELECT coalesce(max(load_id), 0) FROM dead_letters))"
    ).fetchone()
    return int(row[0]) if row else 0


def copy_new_rows(connection: duckdb.DuckDBPyConnection, table: str, after_load: int, target: Path) -> int:
    """Rows of `table` loaded after `after_load` into a new Parquet file; their number (0: no file is left)."""
    temporary = target.with_suffix(".tmp")
    (count,) = connection.execute(
        f"COPY (SELECT * FROM {table} WHERE load_id > {int(after_load)}) TO {_literal(temporary)} "  # noqa: S608
        "(FORMAT parquet, COMPRESSION zstd)"
    ).fetchone() or (0,)
    if count:
        temporary.replace(target)
    else:
        temporary.unlink(missing_ok=True)
    return int(count)


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
        # Else all of it stays in a log beside the file, which the rename leaves behind.
        connection.execute("CHECKPOINT catalogue")
    finally:
        connection.execute("DETACH catalogue")


def _parquet(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(_literal, paths))}])"


def _literal(path: Path) -> str:
    """A path as an SQL string; COPY, ATTACH and views take no parameters."""
    return "'" + str(path).replace("'", "''") + "'"
