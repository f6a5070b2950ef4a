"""What the tables look like, without a warehouse that is there already."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import duckdb

from iot_platform.warehouse.migrations import migrate
from iot_platform.warehouse.scripts import migrations

_TABLE = re.compile(r"^CREATE TABLE (?P<name>\w+) \((?P<body>.*?)^\);", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^    (?P<name>[a-z_]+) +[A-Z][^\n]*?--\s*(?P<comment>.+)$", re.MULTILINE)


class Column(NamedTuple):
    """`kind` is DuckDB's type; `comment` what the migration says of the column, often nothing."""

    name: str
    kind: str
    comment: str = ""


Tables = Mapping[str, Sequence[Column]]


def described_tables() -> Tables:
    """The columns of each table, as the migrations make them."""
    with duckdb.connect() as connection:
        migrate(connection)
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY table_name, column_index"
        ).fetchall()
    comments = _comments()
    tables: dict[str, list[Column]] = {}
    for table, name, kind in rows:
        tables.setdefault(table, []).append(Column(name, kind, comments.get((table, name), "")))
    return tables


def _comments() -> dict[tuple[str, str], str]:
    """The words behind a column in the script that made its table: they are written once, there."""
    found = {}
    for path in migrations():
        for table in _TABLE.finditer(path.read_text(encoding="utf-8")):
            for column in _COLUMN.finditer(table["body"]):
                found[table["name"], column["name"]] = column["comment"].strip()
    return found
