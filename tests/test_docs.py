"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

_TESTS = Path(__file__).parent
_OPERATIONS = _TESTS.parent / "docs" / "operations.md"


def test_each_line_of_the_table_of_what_is_down_names_a_test_that_there_is() -> None:
    section = _OPERATIONS.read_text(encoding="utf-8").split("## Which part is down")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(lines) >= 12
    for line in lines:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", line)
        assert named, line
        for file, test in named:
            assert f"def {test}(" in (_TESTS / file).read_text(encoding="utf-8"), f"{file}::{test}"
