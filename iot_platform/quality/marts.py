"""Build the marts, and tell what is due.

    build(connection, MARTS["sensor_quality"], now=clock.now(), catalogues=catalogues_of(settings))

Without hours, what loads touched since the last build is built: exactly those hours. With hours, exactly these: a
backfill, which gives the same rows. Build in the order of MARTS: some read what others built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from iot_platform.contract.catalogue import Catalogue, load_catalogue
from iot_platform.contract.reading import FIELDS
from iot_platform.errors import UsageError
from iot_platform.quality.advice import ADVICE
from iot_platform.quality.findings import thresholds
from iot_platform.quality.hours import DAY, HOUR, Hours, floor_hour, runs, split
from iot_platform.quality.tables import MARTS, Mart
from iot_platform.quality.verdict import Cell, plain
from iot_platform.settings import Settings
from iot_platform.warehouse import marts as warehouse
from iot_platform.warehouse import scripts
from iot_platform.warehouse.marts import Change, Connection, Dependent

_HOURS_IN_ONE_BUILD = 24  # bounds the memory of a backfill over years
_PREVIEW_ROWS = 10
_DUE_REACH = timedelta(days=400)
"""Further back is a wrong clock more often than a late reading: `build` takes it, `due_hours` does not name it."""
_SILENT_REACH = timedelta(days=30)


@dataclass(frozen=True)
class Built:
    """A mart after a build: all its rows, those that this build changed, and what to show of it.

    `figures` have the same keys each time, so that they can be drawn over time.
    """

    mart: str
    rows: int
    changed: int
    hours: int
    columns: list[tuple[str, str]]
    preview: list[dict[str, Cell]]
    figures: dict[str, int | float]


def catalogues_of(settings: Settings) -> dict[str, Catalogue]:
    """The catalogue of each stream. Raises SettingsError for one that cannot be read."""
    return {name: load_catalogue(stream.catalogue) for name, stream in settings.streams.items()}


def build(
    connection: Connection,
    mart: Mart,
    *,
    now: datetime,
    catalogues: Mapping[str, Catalogue],
    hours: Hours | None = None,
) -> Built:
    """Build what is due, or exactly `hours`. A stored mart is only told about.

    Raises UsageError for hours of a mart that is not hourly.
    """
    if hours is not None and not mart.hourly:
        raise UsageError(f"{mart.name} is not built by the hour.", next_step="Build it without hours.")
    changed = built_hours = 0
    if not mart.stored:
        named = parameters(catalogues, now)
        select = scripts.marts()[mart.name]
        if mart.hourly or mart.daily:
            pieces = _pieces(connection, mart, hours, now)
            built_hours = sum(piece.count for piece in pieces)
            for piece in pieces:
                bounds = (piece.start, piece.end)
                changed += warehouse.build_hours(
                    connection, mart.name, select, named, bounds, _built_from(mart)
                ).changed
        else:
            changed = _build_whole(connection, mart, select, named, now).changed
    return _told(connection, mart, now, changed, built_hours)


def due_hours(connection: Connection, now: datetime) -> Hours | None:
    """The smallest range with every hour that a load touched since an hourly mart was last built; None: all built.

    Hours of clocks gone wrong, over 400 days back or after `now`, are left to a build without hours.
    """
    earliest, latest = floor_hour(now - _DUE_REACH), floor_hour(now)
    due = [
        hour
        for mart in MARTS.values()
        if mart.hourly
        for hour in warehouse.touched_hours(connection, mart.name, mart.sources)
        if earliest <= hour <= latest
    ]
    return Hours(min(due), max(due) + HOUR) if due else None


def _built_from(mart: Mart) -> list[Dependent]:
    """The marts that follow when this one changes."""
    return [
        Dependent(other.name, other.reach_hours)
        for other in MARTS.values()
        if (other.daily or other.reach_hours is not None) and mart.name in other.sources
    ]


def _pieces(connection: Connection, mart: Mart, hours: Hours | None, now: datetime) -> list[Hours]:
    if mart.daily:
        return [Hours(day, day + DAY) for day in warehouse.noted(connection, mart.name)]
    if mart.reach_hours is not None:
        # Alone, each hour sees only what was accepted before its end, however many are due.
        return runs(warehouse.noted(connection, mart.name), 1) if hours is None else split(hours, 1)
    due = warehouse.note_due_hours(connection, mart.name, mart.sources, now)
    return runs(due, _HOURS_IN_ONE_BUILD) if hours is None else split(hours, _HOURS_IN_ONE_BUILD)


def _build_whole(connection: Connection, mart: Mart, select: str, named: Mapping[str, Any], now: datetime) -> Change:
    return warehouse.build_whole(connection, mart.name, select, named, mart.sources, now)


def parameters(catalogues: Mapping[str, Catalogue], now: datetime) -> dict[str, Any]:
    """The parameters that the SELECTs may name, beside $from, $to and $after_load."""
    kinds = [
        {"stream": stream, "sensor_type": kind.name, "interval_seconds": kind.interval_seconds}
        for stream, catalogue in catalogues.items()
        for kind in catalogue.types.values()
    ]
    # Of no stream: it gives the column its type where the catalogues give no interval.
    kinds.append({"stream": "", "sensor_type": "", "interval_seconds": 1.0})
    unused = [
        {"stream": stream, "field": name}
        for stream, catalogue in catalogues.items()
        for name, policy in catalogue.nulls.items()
        if policy == "unused"
    ]
    return {
        "now": now,
        "since": now - _SILENT_REACH,
        "kinds": kinds,
        "unused": [*unused, {"stream": "", "field": ""}],
        **thresholds(catalogues),
        "fields": list(FIELDS),
        "advice": [{"code": code.value, "text": text} for code, text in ADVICE.items()],
    }


def _told(connection: Connection, mart: Mart, now: datetime, changed: int, hours: int) -> Built:
    sql = f"FROM {mart.name} ORDER BY {mart.order} LIMIT {_PREVIEW_ROWS}"
    (figures,) = warehouse.ask_rows(connection, scripts.figures()[mart.name], {"now": now})
    return Built(
        mart=mart.name,
        rows=warehouse.count_rows(connection, mart.name),
        changed=changed,
        hours=hours,
        columns=warehouse.columns_of(connection, mart.name),
        preview=[plain(row) for row in warehouse.ask_rows(connection, sql, {})],
        figures=figures,
    )
