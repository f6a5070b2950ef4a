"""How assets describe themselves: the same groups, owner and metadata everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from iot_platform.warehouse.schema import Column

OWNER = "team:data-platform"
POOL = "duckdb"
"""DuckDB lets one process write: every op that opens the warehouse is in this pool of one."""

_DIGITS = 4
"""Of a share these are enough, and a table of figures stays readable."""

Cell = str | int | float | bool | None


class Group:
    """Groups of the lineage, from source to report."""

    SOURCE = "source"
    STREAM = "stream"
    WAREHOUSE = "warehouse"
    QUALITY = "quality"
    ACCOUNTING = "accounting"
    READERS = "readers"


def table_preview(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """A table that the UI draws. Its cells may be text, numbers, booleans or nothing."""
    columns = list(rows[0]) if rows else ["nothing"]
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: _cell(row[name]) for name in columns}) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name, _kind(rows, name)) for name in columns]),
    )


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else str(value)


def _kind(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    kinds = {type(row[name]) for row in rows if row[name] is not None}
    if kinds and kinds <= {int, float}:
        return "float" if float in kinds else "int"
    return "bool" if kinds == {bool} else "string"


def column_schema(columns: Iterable[Column]) -> dg.TableSchema:
    """Name, DuckDB type and meaning of each column."""
    return dg.TableSchema(columns=[dg.TableColumn(one.name, one.kind, description=one.comment) for one in columns])


def figures(values: Mapping[str, float | int]) -> dict[str, float | int]:
    """Numbers under stable keys: the UI draws each over time. NaN and infinity it cannot draw."""
    return {name: round(value, _DIGITS) for name, value in values.items() if math.isfinite(value)}
