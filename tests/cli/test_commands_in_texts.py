"""Every command that a text of ours names, in code or in pages, is one that would be taken."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from iot_platform.contract.patches import parse_patch
from tests.support.command_lines import refused

PROJECT = Path(__file__).parents[2]
_QUOTED = re.compile(r"`(iot-platform [a-z][^`…]+)`")
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_PATCHED = re.compile(r"\bdlq fix ([a-z][A-Za-z0-9_.-]*)")


def texts(source: str) -> Iterator[str]:
    """The strings of a module, with a 1 for whatever is filled in."""
    tree = ast.parse(source)
    filled = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for one in filled for part in one.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def in_code() -> list[str]:
    modules = sorted((PROJECT / "iot_platform").rglob("*.py"))
    strings = [text for module in modules for text in texts(module.read_text("utf-8"))]
    return list(dict.fromkeys(line for text in strings for line in _QUOTED.findall(text)))


def pages() -> list[Path]:
    return sorted((PROJECT / "docs").rglob("*.md"))


def test_every_command_that_our_texts_name_is_one_that_there_is() -> None:
    lines = in_code()
    assert len(lines) > 40
    assert [said for line in lines if (said := refused(line, whole=False))] == []


def test_every_command_that_a_sentence_of_a_runbook_names_is_one_that_there_is() -> None:
    found = [line for page in pages() if page.parent.name == "runbooks" for line in _QUOTED.findall(page.read_text())]
    assert found
    assert [said for line in found if (said := refused(line, whole=False))] == []


def test_an_argument_or_an_option_too_many_would_be_seen_in_a_sentence_too() -> None:
    assert refused("iot-platform audit iot_data", whole=False)
    assert refused("iot-platform dlq list --raeson", whole=False)
    assert not refused("iot-platform dlq fix", whole=False)


def test_every_patch_that_a_page_names_is_one_that_there_is() -> None:
    blocks = [block for page in pages() for block in _BLOCK.findall(page.read_text("utf-8"))]
    named = {name for block in blocks for name in _PATCHED.findall(block)}
    assert named
    for name in named:
        path = PROJECT / "patches" / f"{name}.toml"
        assert path.exists(), name
        assert parse_patch(name, path.read_text("utf-8")).steps
