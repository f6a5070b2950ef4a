"""What the tables look like, without a warehouse that is there already."""

from __future__ import annotations

import duckdb

from iot_platform.warehouse.migrations import migrate


def described_tables() -> dict[str, list[tuple[str, str]]]:
    """Name and DuckDB type of each column, by table, as the migrations make them."""
    with duckdb.connect() as connection:
        migrate(connection)
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY table_name, column_index"
        ).fetchall()
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        tables.setdefault(table, []).append((column, kind))
    return tables
