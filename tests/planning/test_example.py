"""The example in the documentation is what the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planning.example import PAGE, renewed


def test_the_whole_example_on_the_page_is_what_its_command_prints(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # no iot.toml of somebody's
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page
