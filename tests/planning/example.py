"""The example in docs/capacity.md: python -m tests.planning.example renews it, after new rates or another wording."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from iot_platform.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"
_EXAMPLE = re.compile(
    r"(?P<before>```\niot-platform (?P<command>plan [^\n]+)\n```\n\n```text\n).*?(?P<after>```)", re.DOTALL
)


def renewed(page: str) -> str:
    """The page with what its command prints now."""
    found = _EXAMPLE.search(page)
    assert found is not None, "the page has no example"
    done = CliRunner().invoke(app, found["command"].split())
    assert done.exit_code == 0, done.exception
    return page[: found.start()] + found["before"] + done.stdout + found["after"] + page[found.end() :]


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
