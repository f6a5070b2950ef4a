"""Whether a command line that a text names would be understood by the command line there is."""

from __future__ import annotations

import shlex
from typing import Any

import typer
from typer.exceptions import TyperException

from iot_platform.cli.main import app


def refused(line: str, *, whole: bool = True) -> str:
    """Why `line` (`iot-platform …`) would be refused; empty when it would be taken. Nothing is run.

    With `whole=False` arguments may be missing: a sentence names a command, not a line to type.
    """
    name, *words = shlex.split(line)
    if name != "iot-platform":
        return f"{line}: not our command"
    found: Any = typer.main.get_command(app)
    while commands := getattr(found, "commands", None):
        if not words or words[0] not in commands:
            return f"{line}: no such command"
        found = commands[words.pop(0)]
    try:
        with found.make_context(line, words):
            return ""
    except TyperException as error:
        missing = type(error).__name__ == "MissingParameter"  # Typer exports no name for it
        return "" if missing and not whole else f"{line}: {error}"
