"""The drill of the runbooks: how it reads a page and an answer, and, as a user would run it, the whole of it."""

from __future__ import annotations

import subprocess

import pytest

from iot_platform.drills.installation import Answer
from iot_platform.drills.runbooks import Page, commands_of, filled, read_pages, useful
from tests.cli.test_commands_in_texts import PROJECT
from tests.support.command_lines import refused
from tests.support.drills import held_outcome

FOLDER = PROJECT / "docs" / "runbooks"


def test_the_commands_of_a_page_are_the_lines_of_its_blocks_that_are_ours() -> None:
    text = """
        `iot-platform lag` in a sentence is none.

```sh
iot-platform lag   # how far
df -h
iot-platform query "SELECT 1"
```

```toml
iot-platform = 1
```
"""
    assert commands_of(text) == (("lag",), ("query", "SELECT 1"))


def test_every_page_of_a_rule_has_commands_and_each_is_one_that_there_is() -> None:
    pages = {page.name: page for page in read_pages(FOLDER)}
    assert pages.keys() == {path.stem for path in FOLDER.glob("*.md")}
    lines = [["iot-platform", *one] for page in pages.values() for one in page.commands]
    assert [said for line in lines if (said := refused(subprocess.list2cmdline(line)))] == []


def test_a_page_that_ends_what_runs_is_known() -> None:
    assert Page("a", (("status",), ("down",))).stops
    assert not Page("a", (("status",), ("spool", "list"))).stops


def test_an_example_in_a_page_gives_way_to_what_there_is() -> None:
    real = {"raw_iot_data/0/17": "raw_iot_data/2/4"}
    assert filled(("dlq", "show", "raw_iot_data/0/17"), real) == ["dlq", "show", "raw_iot_data/2/4"]


@pytest.mark.parametrize(
    ("answer", "useful_"),
    [
        (Answer(0, "all is well", ""), True),
        (Answer(1, "", "3 readings behind"), True),
        (Answer(0, "", ""), False),
        (Answer(2, "", "No such option"), False),
        (Answer(2, "", "There is no quarantined batch 'a/1'. There are: none."), True),
        (Answer(3, "", "Kafka does not answer"), False),
        (Answer(1, "", "Traceback (most recent call last):"), False),
    ],
)
def test_an_answer_is_useful_when_it_says_something_and_is_no_refusal(answer: Answer, useful_: bool) -> None:
    assert useful(answer) == useful_


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_every_command_of_every_page_answers_where_something_is_wrong() -> None:
    outcome = held_outcome("runbooks", timeout_seconds=1_750)
    assert len(outcome["claims"]) == len(read_pages(FOLDER)) + 3
