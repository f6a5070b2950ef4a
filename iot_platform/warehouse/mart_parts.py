"""Hourly and daily marts week by week, so that the reader's copy writes what changed and not their whole history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb

PARTED = (
    "stream_flow", "dlq_summary", "sensor_quality", "null_rates", "duplicate_rates", "extra_fields", "quality_trends",
    "sensor_values", "sensor_findings",
)  # fmt: skip
"""The hourly and daily marts: they grow with sensors and time."""

_DAILY = frozenset({"quality_trends"})

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Part:
    """The rows of one mart from Monday `week` (UTC, RFC 3339) on for seven days; `version` changes with them."""

    mart: str
    week: str
    version: str


def time_column(mart: str) -> str:
    """The column that says when a row of an hourly or daily mart begins."""
    return "day" if mart in _DAILY else "hour"


def read_parts(connection: duckdb.DuckDBPyConnection) -> list[Part]:
    rows = connection.execute("SELECT mart, week, version FROM mart_parts ORDER BY ALL").fetchall()
    return [Part(mart, week.isoformat(), version) for mart, week, version in rows]


def renew_parts(connection: duckdb.DuckDBPyConnection, mart: str, start: datetime, end: datetime) -> None:
    """New versions for the weeks that have hours from `start` to before `end`; weeks without a row have no part."""
    column = time_column(mart)
    connection.execute(
        f"DELETE FROM mart_parts WHERE mart = $mart AND {_WITHIN}",  # noqa: S608 - a constant of this file
        {"mart": mart, "from": start, "to": end},
    )
    connection.execute(
        f"""
        INSERT INTO mart_parts
        SELECT $mart, week, replace(uuid()::VARCHAR, '-', '')
        FROM (
            SELECT DISTINCT date_trunc('week', {column})::DATE AS week
            FROM {mart}
            WHERE {column} >= date_trunc('week', $from::TIMESTAMPTZ) AND {column} < $to::TIMESTAMPTZ + INTERVAL 7 DAY
        )
        WHERE {_WITHIN}
        """,  # noqa: S608 - the table is one of PARTED
        {"mart": mart, "from": start, "to": end},
    )


_WITHIN = "week::TIMESTAMPTZ < $to AND week::TIMESTAMPTZ + INTERVAL 7 DAY > $from"


def rows_of(part: Part) -> str:
    """The query for its rows; the dates are our own."""
    start, column = date.fromisoformat(part.week), time_column(part.mart)
    bounds = f"{column} >= TIMESTAMPTZ '{start} 00:00:00+00' AND {column} < TIMESTAMPTZ '{start + WEEK} 00:00:00+00'"
    return f"SELECT * FROM {part.mart} WHERE {bounds} ORDER BY {column}"  # noqa: S608
