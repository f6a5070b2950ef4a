"""Every rule has its page, every page its five parts, and each command in it is one that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iot_platform.watch.alerts.rules import load_rules
from iot_platform.watch.alerts.texts import RUNBOOKS, runbook_of
from tests.support.command_lines import refused

PROJECT = Path(__file__).parents[3]
PAGES = PROJECT / RUNBOOKS
PARTS = ["Detect", "Impact", "Now", "Later", "Prevent"]
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+\.md)")


def pages() -> list[Path]:
    return sorted(PAGES.glob("*.md"))


def test_every_rule_has_a_page_that_its_alerts_name_and_no_page_is_without_its_rule() -> None:
    named = {runbook_of(rule.runbook or "") for rule in load_rules()}
    assert named == {str(page.relative_to(PROJECT)) for page in pages() if page.name != "README.md"}


@pytest.mark.parametrize("page", [page for page in pages() if page.name != "README.md"], ids=lambda page: page.stem)
def test_a_page_says_how_it_is_noticed_what_it_means_and_what_to_do(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    for part in text.split("\n## ")[1:]:
        assert part.partition("\n")[2].strip(), part
    assert "iot-platform " in text.split("## Now")[1].split("## Later")[0]


def test_each_command_of_a_page_is_one_that_there_is() -> None:
    lines = [
        line for page in pages() for block in _BLOCK.findall(page.read_text("utf-8")) for line in block.splitlines()
    ]
    assert len(lines) > 80
    assert [said for line in lines if (said := refused(line))] == []


def test_a_command_that_there_is_not_would_be_seen() -> None:
    assert refused("iot-platform dlq lst")
    assert refused("iot-platform dlq list --raeson unit")
    assert refused("iot-platform streams start")


def test_pages_are_in_their_table_and_lead_nowhere_else_than_to_pages() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    for page in pages():
        assert page.name == "README.md" or f"[{page.stem}]({page.name})" in index
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            assert (PAGES / target).exists(), f"{page.name}: {target}"


def test_another_place_of_the_pages_and_an_address_of_a_rules_own() -> None:
    assert runbook_of("behind", "https://example.org/pages/") == "https://example.org/pages/behind.md"
    assert runbook_of("https://example.org/mine") == "https://example.org/mine"
    assert runbook_of("") == ""


def test_the_table_of_alerts_names_every_rule() -> None:
    section = (PROJECT / "docs" / "operations.md").read_text("utf-8").split("### Alerts")[1].split("\n## ")[0]
    assert [rule.name for rule in load_rules() if f"`{rule.name}`" not in section] == []
