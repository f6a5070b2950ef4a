"""What a check says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from iot_platform.quality.levels import Status

Cell = str | int | float | bool | None

TROUBLEMAKERS = "trouble-"
"""How the ids of the simulated fleet's troublemakers begin."""

_MOST_OFFENDERS = 10
_PLANTED = (
    "These are the simulated fleet's own troublemakers, there to be found; "
    "IOT_FLEET__ENABLED=false turns the fleet off."
)


@dataclass(frozen=True)
class StreamVerdict:
    """What a check says of one stream."""

    status: Status
    text: str


@dataclass(frozen=True)
class Verdict:
    """`text` is a sentence or two with the figures in them and what to look at next.

    `figures` have the same keys each time; `offenders` are at most 10 rows of plain cells, the worst first; `streams`
    is what the check says of each stream by itself, where it can tell them apart.
    """

    status: Status
    text: str
    figures: Mapping[str, int | float]
    offenders: list[dict[str, Cell]] = field(default_factory=list)
    check: str = ""
    table: str = ""
    streams: Mapping[str, StreamVerdict] = field(default_factory=dict)


def offending(
    status: Status,
    text: str,
    figures: Mapping[str, int | float],
    rows: Iterable[Mapping[str, Any]],
    names: Iterable[str],
) -> Verdict:
    """A verdict with its offenders, `names` of their columns; it says so when all are the fleet's troublemakers."""
    found, columns = list(rows), list(names)
    planted = bool(found) and all(str(row.get("sensor_id", "")).startswith(TROUBLEMAKERS) for row in found)
    return Verdict(
        status,
        f"{text} {_PLANTED}" if planted else text,
        figures,
        [plain({name: row[name] for name in columns}) for row in found[:_MOST_OFFENDERS]],
    )


def plain(row: Mapping[str, Any]) -> dict[str, Cell]:
    """The row with cells that a table in a user interface takes; times in UTC, to the second."""
    return {name: _plain_cell(cell) for name, cell in row.items()}


def _plain_cell(cell: Any) -> Cell:
    if cell is None or isinstance(cell, str | bool | int):
        return cell
    if isinstance(cell, float):
        return round(cell, 4)
    if isinstance(cell, datetime):
        return moment(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, list):
        return ", ".join(str(_plain_cell(item)) for item in cell)
    return str(cell)


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def per_cent(share: float) -> str:
    return f"{100 * share:.3g} %"


def count_of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
