"""Marts in the warehouse: which hours loads touched, and tables built from their SELECT, each build one transaction.

An hour is noted as due (`mart_due`) in the transaction that moves the mart's mark (`mart_state`) past the loads that
touched it, and crossed out in the one that builds it: a crash or a build of a part forgets no hour. In the same way a
build that changes an hour notes what is due in the marts made from it: its day, or the hours that look back on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from iot_platform.warehouse.mart_parts import renew_parts, time_column

Connection = duckdb.DuckDBPyConnection

NEVER_BUILT = -1
"""Below every load_id; ledger rows of before marts existed have 0."""

_HOUR_OF = {"readings": "accepted_at", "dead_letters": "accepted_at", "ledger": "first_at"}
_PARAMETER = re.compile(r"\$([a-z_]+)")
_SQL_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True)
class Dependent:
    """A mart made from an hourly one: built by days, or by hours of which each looks back `reach_hours` hours."""

    mart: str
    reach_hours: int | None = None


@dataclass(frozen=True)
class Change:
    """What a build did: rows there are now where it built, and how many came or went; 0: all was so before."""

    written: int
    changed: int


def ask_rows(connection: Connection, sql: str, named: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a query by column; times in UTC. `named` may hold more parameters than the query takes."""
    cursor = connection.execute(sql, taken_by(sql, named))
    columns = [str(column[0]) for column in cursor.description or ()]
    return [dict(zip(columns, map(_in_utc, row), strict=True)) for row in cursor.fetchall()]


def taken_by(sql: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `named` that the query names: DuckDB refuses any other."""
    wanted = set(_PARAMETER.findall(_SQL_COMMENT.sub("", sql)))
    return {name: value for name, value in named.items() if name in wanted}


def _in_utc(cell: Any) -> Any:
    return cell.astimezone(UTC) if isinstance(cell, datetime) else cell


def columns_of(connection: Connection, table: str) -> list[tuple[str, str]]:
    """Name and DuckDB type of each column."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND schema_name = 'main' "
        "AND database_name = current_database() ORDER BY column_index",
        [table],
    ).fetchall()
    return [(str(name), str(kind)) for name, kind in rows]


def count_rows(connection: Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)  # noqa: S608 - our own names
    return int(count)


def built_load(connection: Connection, mart: str) -> int:
    """The newest load that the mart has taken note of; NEVER_BUILT before its first build."""
    row = connection.execute("SELECT built_load_id FROM mart_state WHERE mart = ?", [mart]).fetchone()
    return int(row[0]) if row else NEVER_BUILT


def touched_hours(connection: Connection, mart: str, sources: Sequence[str]) -> list[datetime]:
    """Hours (UTC) of `sources` that a build of the mart would change: those loaded since, and those still due."""
    loaded = [
        f"SELECT time_bucket(INTERVAL 1 HOUR, {_HOUR_OF[table]}) AS hour FROM {table} WHERE load_id > $after"  # noqa: S608
        for table in sources
        if table in _HOUR_OF
    ]
    sql = f"SELECT DISTINCT hour FROM ({' UNION ALL '.join([*loaded, _DUE])}) ORDER BY hour"  # noqa: S608
    named = taken_by(sql, {"after": built_load(connection, mart), "mart": mart})
    rows = connection.execute(sql, named).fetchall()
    return [hour.astimezone(UTC) for (hour,) in rows]


_DUE = "SELECT hour FROM mart_due WHERE mart = $mart"
_NOTE_DAYS = """
INSERT INTO mart_due
SELECT $mart, unnest(generate_series(date_trunc('day', $from::TIMESTAMPTZ), $to - INTERVAL 1 HOUR, INTERVAL 1 DAY))
EXCEPT SELECT mart, hour FROM mart_due
"""


def _note_hours(table: str) -> str:
    """Hours of which there are rows, before the build or after it, up to the last that looks back on a changed one."""
    return f"""
        INSERT INTO mart_due
        SELECT $mart, hour FROM (
            SELECT DISTINCT hour FROM {table} WHERE hour >= $from AND hour < $to + to_hours($reach)
            UNION SELECT unnest(generate_series($from::TIMESTAMPTZ, $to - INTERVAL 1 HOUR, INTERVAL 1 HOUR))
        )
        EXCEPT SELECT mart, hour FROM mart_due
        """  # noqa: S608 - our own names


def note_due_hours(connection: Connection, mart: str, sources: Sequence[str], now: datetime) -> list[datetime]:
    """Note what loads touched and move the mart's mark past them; the hours that are due now."""
    with transaction(connection):
        due = touched_hours(connection, mart, sources)
        newest = _newest_load(connection, sources, built_load(connection, mart))
        connection.execute("DELETE FROM mart_due WHERE mart = ?", [mart])
        connection.execute("INSERT INTO mart_due SELECT $mart, unnest($due::TIMESTAMPTZ[])", {"mart": mart, "due": due})
        _set_state(connection, mart, newest, now)
    return due


def noted(connection: Connection, mart: str) -> list[datetime]:
    """Days (their first moment, UTC) or hours that builds of hourly marts have noted for a mart made from them."""
    rows = connection.execute("SELECT DISTINCT hour FROM mart_due WHERE mart = ? ORDER BY hour", [mart]).fetchall()
    return [day.astimezone(UTC) for (day,) in rows]


def build_hours(
    connection: Connection,
    table: str,
    select: str,
    named: Mapping[str, Any],
    hours: tuple[datetime, datetime],
    dependents: Sequence[Dependent] = (),
) -> Change:
    """Put the rows of `select` for hours from `hours[0]` to before `hours[1]` in place of those there are.

    Where that changes anything, their days or hours are due in the `dependents`.
    """
    bounds = {"from": hours[0], "to": hours[1]}
    column = time_column(table)
    place = f"{column} >= $from AND {column} < $to", bounds
    with transaction(connection):
        change = _replace(connection, table, select, {**named, **bounds}, place)
        if change.changed:
            renew_parts(connection, table, *hours)
            for one in dependents:
                _note(connection, table, one, bounds)
        connection.execute(
            "DELETE FROM mart_due WHERE mart = $mart AND hour >= $from AND hour < $to", {"mart": table, **bounds}
        )
    return change


def _note(connection: Connection, table: str, one: Dependent, bounds: Mapping[str, datetime]) -> None:
    if one.reach_hours is None:
        connection.execute(_NOTE_DAYS, {"mart": one.mart, **bounds})
    else:
        connection.execute(_note_hours(table), {"mart": one.mart, "reach": one.reach_hours, **bounds})


def build_whole(
    connection: Connection, table: str, select: str, named: Mapping[str, Any], sources: Sequence[str], now: datetime
) -> Change:
    """Put the rows of `select` in place of all there are; $after_load is the newest load of the last build."""
    with transaction(connection):
        before = built_load(connection, table)
        newest = _newest_load(connection, [source for source in sources if source in _HOUR_OF], before)
        change = _replace(connection, table, select, {**named, "after_load": before}, ("true", {}))
        _set_state(connection, table, newest, now)
    return change


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _replace(
    connection: Connection, table: str, select: str, named: Mapping[str, Any], place: tuple[str, Mapping[str, Any]]
) -> Change:
    """Rows of `select` in place of those where `place` holds; nothing is written when they are the same."""
    where, bounds = place
    connection.execute(f"CREATE OR REPLACE TEMP TABLE built AS {select}", taken_by(select, named))
    names = ", ".join(name for name, _ in columns_of(connection, table))
    before, after = f"SELECT {names} FROM {table} WHERE {where}", f"SELECT {names} FROM built"  # noqa: S608
    try:
        came = _count(connection, f"{after} EXCEPT ALL {before}", bounds)
        changed = max(came, _count(connection, f"{before} EXCEPT ALL {after}", bounds))
        if changed:
            connection.execute(f"DELETE FROM {table} WHERE {where}", dict(bounds))  # noqa: S608
            connection.execute(f"INSERT INTO {table} BY NAME FROM built")
        return Change(count_rows(connection, "built"), changed)
    finally:
        connection.execute("DROP TABLE built")


def _count(connection: Connection, select: str, named: Mapping[str, Any]) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM ({select})", dict(named)).fetchone() or (0,)  # noqa: S608
    return int(count)


def _newest_load(connection: Connection, sources: Sequence[str], after: int) -> int:
    newest = after
    for table in sources:
        if table not in _HOUR_OF:
            continue
        sql = f"SELECT coalesce(max(load_id), $after) FROM {table} WHERE load_id > $after"  # noqa: S608 - our own names
        (load,) = connection.execute(sql, {"after": after}).fetchone() or (after,)
        newest = max(newest, int(load))
    return newest


def _set_state(connection: Connection, mart: str, load_id: int, now: datetime) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO mart_state (mart, built_load_id, built_at) VALUES (?, ?, ?)", [mart, load_id, now]
    )
