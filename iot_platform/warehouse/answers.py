"""SQL asked of a DuckDB file that nobody writes: the reader's copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from iot_platform.errors import UnavailableError, UsageError


@dataclass(frozen=True)
class Answer:
    """Rows of a query; `truncated` when there were more than asked for."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


def ask(path: Path, sql: str, limit: int, named: Mapping[str, Any] | None = None) -> Answer:
    """At most `limit` rows of the last statement in `sql`; `named` are its $parameters.

    Raises UsageError with DuckDB's words when the SQL does not hold, UnavailableError when the file cannot be read.
    """
    try:
        with opened(path) as connection:
            connection.execute(sql, dict(named) if named else None)
            columns = [str(column[0]) for column in connection.description or ()]
            rows = connection.fetchmany(limit + 1)
    except duckdb.Error as error:
        raise UsageError(
            f"DuckDB does not take this: {error}", next_step='`iot-platform query "SHOW TABLES"` lists the tables.'
        ) from error
    return Answer(columns, rows[:limit], truncated=len(rows) > limit)


@contextmanager
def opened(path: Path, *, our_own: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file as it is now, for several questions that must fit together: what replaces it meanwhile is not seen.

    Raises UnavailableError when the file, or one that its views read, cannot be read; and, where all that is asked is
    `our_own`, when it lacks a table or column, because an earlier version of the platform wrote it.
    """
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
    except duckdb.IOException as error:
        raise UnavailableError(
            f"The reader's copy {path} cannot be read: {error}",
            next_step="Ask again; if it stays so, remove its directory: the loader writes it anew.",
        ) from error
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        if not our_own:
            raise
        raise UnavailableError(
            f"The reader's copy {path} was written by an earlier version: {str(error).splitlines()[0]}",
            next_step="The next cycle writes it anew; without Dagster remove that file, and the next load does.",
        ) from error
