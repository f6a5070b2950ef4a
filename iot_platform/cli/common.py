"""What every command shares: options, output, and the settings made ready."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iot_platform import faultpoints
from iot_platform.lifecycle import Bounds, Stop, leave_soon_after_parent
from iot_platform.report.texts import visible
from iot_platform.settings import Settings, load_settings

DEFAULT_STREAM = "iot_data"

# What senders wrote goes through them: no markup, no emoji codes.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)

StreamOption = Annotated[str, typer.Option("--stream", help="The stream, as configured.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
CountOption = Annotated[int | None, typer.Option("--count", min=1, help="Stop after this many records.")]
SecondsOption = Annotated[float | None, typer.Option("--seconds", min=0.1, help="Stop after this many seconds.")]
CaughtUpOption = Annotated[
    bool, typer.Option("--until-caught-up", help="Stop when all that is there now has been worked off.")
]
SupervisedOption = Annotated[bool, typer.Option("--supervised", hidden=True, help="Stop when the parent is gone.")]


def prepared_settings() -> Settings:
    settings = load_settings()
    faultpoints.arm(settings.faultpoint)
    return settings


def bounds(count: int | None, seconds: float | None, until_caught_up: bool) -> Bounds:
    return Bounds(count=count, seconds=seconds, until_caught_up=until_caught_up)


def stop_for(supervised: bool) -> Stop:
    """A stop that listens to signals, and to the death of the supervisor when there is one."""
    if supervised:
        leave_soon_after_parent(os.getppid())
    return Stop(parent_pid=os.getppid() if supervised else None).on_signals()


def print_json(document: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2, default=str))


def table(title: str, columns: list[str], rows: list[list[Any]], whole: Collection[str] = ()) -> Table:
    """A table; numbers are set to the right with thousands separated.

    Where there is little room a cell is folded, never cut; the columns in `whole` stay on one line, to be copied.
    Texts are shown as they are: no markup, control characters as \\u001b.
    """
    made = Table(title=Text(visible(title)), title_justify="left", header_style="bold")
    for position, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        made.add_column(
            Text(visible(column)), justify="right" if numeric else "left", overflow="fold", no_wrap=column in whole
        )
    for row in rows:
        made.add_row(*(Text(visible(shown(cell))) for cell in row))
    return made


def shown(cell: Any) -> str:
    if isinstance(cell, bool) or cell is None:
        return "-" if cell is None else str(cell).lower()
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.1f}" if isinstance(cell, float) else str(cell)
