"""What is silenced goes on and is not told; what still fires when a silence ends is told then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from iot_platform.watch.alerts.delivery import channels_for, why_not_sent
from iot_platform.watch.alerts.lifecycle import Incident, Key, Notice, advance
from iot_platform.watch.alerts.rules import Rule
from iot_platform.watch.alerts.sender import Channel
from iot_platform.watch.alerts.signals import Signal
from iot_platform.watch.alerts.silences import Silence, silenced_by

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP_SECONDS = 30
RULE = Rule(
    name="dead_letters",
    kind="check",
    signals=frozenset({"dead_letter_share"}),
    level="warn",
    for_seconds=30,
    cooldown_seconds=120,
    resolve_after_seconds=30,
    title="dead letters of {subject}",
    what_to_do="Look.",
)
CHANNEL = Channel(1, "json")


def moment(step: float) -> datetime:
    return NOON + timedelta(seconds=STEP_SECONDS * step)


def silence(start: float, end: float, rule: str = "dead_letters", subject: str = "") -> Silence:
    return Silence(rule, subject, moment(start), moment(end), "ada", "we move the rack")


def told(pattern: str, silences: list[Silence]) -> list[Notice]:
    memory: dict[Key, Incident] = {}
    notices: list[Notice] = []
    signal = Signal("check", "dead_letter_share", "iot_data", "error", "12 %", NOON)
    for step, letter in enumerate(pattern):
        there = [one for one in silences if one.made_at <= moment(step)]  # as a person makes it
        memory, new = advance([RULE], memory, [signal] if letter == "x" else [], moment(step), (), there)
        notices.extend(new)
    return notices


def shape(notices: Iterable[Notice]) -> str:
    """Lower case: kept, and sent to nobody."""
    letters = {"fired": "F", "reminded": "M", "resolved": "R"}
    return " ".join(
        f"{(one.at - NOON).seconds // STEP_SECONDS}"
        f"{letters[one.event] if channels_for(one, [CHANNEL]) else letters[one.event].lower()}"
        for one in notices
    )


# It fires after one step, is reminded of after four, resolved after one of well.
@pytest.mark.parametrize(
    ("pattern", "silences", "notices"),
    [
        ("xxxxxx", [], "1F 5M"),
        ("xxxxxxxxxx", [(0, 99)], "1f"),  # all of it within: kept, not sent, no reminder
        ("xxxx..", [(0, 99)], "1f 5r"),
        ("xxxxxxx", [(0, 4)], "1f 4F"),  # still firing when the silence ends
        ("xxxxxxxxx..", [(0, 4)], "1f 4F 8M 10R"),
        ("xxxx.....", [(0, 7)], "1f 5r"),  # over before the silence: nobody hears of it
        ("xxxxxxxxxx", [(2, 99)], "1F"),  # told before: no reminders
        ("xxxxxxxxxxx", [(2, 8)], "1F 8M"),  # the reminder that was due comes after
        ("xxxxx....", [(2, 99)], "1F 6R"),  # what was told as firing is told as over
        ("xxx....xxx..", [(3, 8)], "1F 4R 8F 11R"),
        ("xxxxxxx", [(0, 2), (0, 4)], "1f 4F"),  # the longer one counts
    ],
)
def test_what_is_sent_around_a_silence(pattern: str, silences: list[tuple[int, int]], notices: str) -> None:
    assert shape(told(pattern, [silence(*one) for one in silences])) == notices


def test_a_silenced_notice_says_until_when_by_whom_and_why() -> None:
    (notice,) = told("xx", [silence(0, 240)])
    assert why_not_sent("error", notice.incident.silenced) == (
        "Silenced until 2026-01-01 14:00 UTC by ada: we move the rack"
    )


@pytest.mark.parametrize(
    ("rule", "subject", "covered"),
    [
        ("dead_letters", "", True),
        ("dead_letters", "iot_data", True),
        ("*", "", True),
        ("*", "iot_data", True),
        ("dead_letters", "other", False),
        ("null_rates", "", False),
    ],
)
def test_a_silence_is_of_a_rule_or_all_and_of_a_subject_or_all(rule: str, subject: str, covered: bool) -> None:
    assert bool(silenced_by([silence(0, 9, rule, subject)], "dead_letters", "iot_data", moment(1))) is covered


def test_a_silence_that_is_over_covers_nothing() -> None:
    assert silenced_by([silence(0, 9)], "dead_letters", "iot_data", moment(9)) == ""
