"""Programs of our own for a supervisor."""

from __future__ import annotations

import sys
from pathlib import Path

from iot_platform.supervision.plan import Program


class Script(Program):
    """Python of our own; the first argument is its file."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-u", *self.arguments]


def script(path: Path, text: str, *arguments: str) -> Script:
    """A program that is named as its file, with `text` in it."""
    path.write_text(text, encoding="utf-8")
    return Script(path.stem, (str(path), *arguments), priority=1, stop_seconds=5)
