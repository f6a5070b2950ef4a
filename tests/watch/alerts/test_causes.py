"""A cause and what follows from it: a table of who is told of what, whichever of the two comes first or goes first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iot_platform.watch.alerts.lifecycle import Incident, Key, Notice, advance
from iot_platform.watch.alerts.rules import Rule, in_order
from iot_platform.watch.alerts.signals import Signal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP_SECONDS = 30

KAFKA = Rule(
    name="kafka",
    kind="platform",
    signals=frozenset({"kafka_unreachable"}),
    level="error",
    for_seconds=30,
    cooldown_seconds=120,
    resolve_after_seconds=30,
    title="Kafka does not answer",
    what_to_do="Look.",
    explains=frozenset({"behind"}),
)
BEHIND = replace(
    KAFKA, name="behind", kind="lag", signals=frozenset({"behind"}), title="{subject} is behind", explains=frozenset()
)
PAUSED = replace(KAFKA, name="paused", kind="stream", signals=frozenset({"paused"}), title="{subject} is paused")
RULES = [BEHIND, KAFKA]


def cause(stream: str = "") -> Signal:
    return Signal("platform", "kafka_unreachable", "127.0.0.1", "error", "no answer", NOON, stream=stream)


def consequence(stream: str = "iot_data") -> Signal:
    return Signal("lag", "behind", f"loader-{stream}", "error", "200 s", NOON, stream=stream)


def told(rules: Iterable[Rule], steps: Iterable[Iterable[Signal]]) -> list[Notice]:
    memory: dict[Key, Incident] = {}
    notices: list[Notice] = []
    for step, signals in enumerate(steps):
        memory, new = advance(tuple(rules), memory, signals, NOON + timedelta(seconds=STEP_SECONDS * step))
        notices.extend(new)
    return notices


def shape(notices: Iterable[Notice]) -> str:
    """As `1kF 3bF`: at step 1 Kafka's alert fired, at 3 the one of what is behind; `+` when it names the other."""
    letters = {"fired": "F", "reminded": "M", "resolved": "R"}
    return " ".join(
        f"{(one.at - NOON).seconds // STEP_SECONDS}{one.incident.rule[0]}{letters[one.event]}"
        f"{'+' if one.incident.also else ''}"
        for one in notices
    )


# Both fire after 30 s (one step), are reminded of after 120 s (four steps), resolved after 30 s of well.
@pytest.mark.parametrize(
    ("kafka", "behind", "notices"),
    [
        ("xxxx", "....", "1kF"),
        ("....", "xxxx", "1bF"),
        ("xxxxxx", "xxxxxx", "1kF+ 5kM+"),  # both at once: one message
        ("xxxxxx", "..xxxx", "1kF 5kM+"),  # the cause comes first
        (".xxxxxx", "xxxxxxx", "2kF+ 6kM+"),  # the consequence is seen first, and waits for a cause that is pending
        ("..xxxxxxx", "xxxxxxxxx", "1bF 3kF+ 7kM+"),  # it was told already: named in the cause, reminded of no more
        ("xxxx..", "xxxx..", "1kF+ 5kR+"),  # both go: one message
        ("xxxx......", "xxxxx.....", "1kF+ 5kR+"),  # it goes soon after: nothing more
        ("xxxx......", "xxxxxxxxxx", "1kF+ 5kR+ 5bF 9bM"),  # it stays: told by itself
        ("xxxx.......", "xx.........", "1kF+ 5kR+"),  # it goes first
        ("..xxx.....", "xxxx......", "1bF 3kF+ 5bR 6kR+"),  # what was told as firing is told as over
        ("x...", "xxxx", "1bF"),  # the cause never fired
        ("xx.xx..", ".......", "1kF 6kR"),
    ],
)
def test_who_is_told_of_a_cause_and_of_what_follows_from_it(kafka: str, behind: str, notices: str) -> None:
    steps = [
        [*([cause()] if first == "x" else []), *([consequence()] if second == "x" else [])]
        for first, second in zip(kafka, behind, strict=True)
    ]
    assert shape(told(RULES, steps)) == notices
    assert shape(told(list(reversed(RULES)), steps)) == notices  # their order in the file does not matter


def test_a_cause_names_what_followed_from_it_also_when_it_is_over() -> None:
    steps = [[cause()], [cause(), consequence()], [cause(), consequence("other")], [], []]
    notices = told(RULES, steps)
    assert [notice.event for notice in notices] == ["fired", "resolved"]
    assert notices[0].incident.also == ("loader-iot_data is behind",)
    assert notices[1].incident.also == ("loader-iot_data is behind", "loader-other is behind")


def test_a_cause_in_one_stream_explains_nothing_in_another() -> None:
    both = [cause(stream="iot_data"), consequence("iot_data"), consequence("other")]
    notices = told(RULES, [both, both])
    assert [(one.incident.rule, one.incident.subject) for one in notices] == [
        ("kafka", "127.0.0.1"),
        ("behind", "loader-other"),
    ]


def test_a_cause_may_explain_some_subjects_of_a_rule_alone() -> None:
    loaders = replace(KAFKA, explains=frozenset({"behind/loader-*"}))
    other = Signal("lag", "behind", "validator-iot_data", "error", "200 s", NOON, stream="iot_data")
    both = [cause(), consequence(), other]
    notices = told([BEHIND, loaders], [both, both])
    assert [(one.incident.rule, one.incident.subject) for one in notices] == [
        ("kafka", "127.0.0.1"),
        ("behind", "validator-iot_data"),
    ]
    assert notices[0].incident.also == ("loader-iot_data is behind",)


def test_of_a_chain_the_first_cause_tells_of_all() -> None:
    middle = replace(PAUSED, explains=frozenset({"behind"}))
    first = replace(KAFKA, explains=frozenset({"paused"}))
    stream = Signal("stream", "paused", "iot_data", "error", "95 %", NOON, stream="iot_data")
    (notice,) = told([BEHIND, middle, first], [[cause(), stream, consequence()]] * 2)
    assert notice.incident.rule == "kafka"
    assert notice.incident.also == ("iot_data is paused", "loader-iot_data is behind")


def test_causes_are_looked_at_before_what_they_explain_and_of_these_the_worse_first() -> None:
    mild = replace(BEHIND, name="mild", level="warn")
    assert [rule.name for rule in in_order([mild, BEHIND, KAFKA])] == ["kafka", "mild", "behind"]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_whatever_comes_nothing_fires_twice_and_what_holds_alone_is_told(steps: list[tuple[bool, bool]]) -> None:
    given_steps = [[*([cause()] if first else []), *([consequence()] if second else [])] for first, second in steps]
    firing: set[str] = set()
    for notice in told(RULES, given_steps):
        rule = notice.incident.rule
        assert (rule in firing) == (notice.event != "fired")
        firing = firing | {rule} if notice.event != "resolved" else firing - {rule}
    if len(steps) >= 4 and all(second and not first for first, second in steps[-4:]):
        assert "behind" in firing
