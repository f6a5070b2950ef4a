"""The life of an incident: a table of cases, and for any run of signals one firing, at most one resolve."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from iot_platform.watch.alerts.lifecycle import Incident, Key, Notice, advance
from iot_platform.watch.alerts.rules import Rule
from iot_platform.watch.alerts.signals import Level, Signal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP_SECONDS = 30

RULE = Rule(
    name="dead_letters",
    kind="check",
    signals=frozenset({"dead_letter_share"}),
    level="warn",
    for_seconds=60,
    cooldown_seconds=150,
    resolve_after_seconds=60,
    title="dead letters of {subject}",
    what_to_do="Look.",
)
AT_ONCE = replace(RULE, for_seconds=0, resolve_after_seconds=0)


def signal(level: Level = "error", subject: str = "iot_data", text: str = "12 %", value: float | None = None) -> Signal:
    return Signal("check", "dead_letter_share", subject, level, text, NOON, value)


def told(rules: Sequence[Rule], steps: Iterable[tuple[Iterable[Signal], Collection[str]]]) -> list[Notice]:
    """All notices of observations that are STEP_SECONDS apart."""
    memory: dict[Key, Incident] = {}
    notices: list[Notice] = []
    for step, (signals, unknown) in enumerate(steps):
        memory, new = advance(rules, memory, signals, NOON + timedelta(seconds=STEP_SECONDS * step), unknown)
        notices.extend(new)
    return notices


def steps_of(pattern: str) -> list[tuple[Iterable[Signal], Collection[str]]]:
    """x: it is bad; .: it is well; ?: it cannot be seen."""
    return [([signal()] if step == "x" else [], ["check"] if step == "?" else []) for step in pattern]


def shape(notices: Iterable[Notice]) -> str:
    """As `2F 7M 9R`: at step 2 fired, at 7 reminded, at 9 resolved."""
    letters = {"fired": "F", "reminded": "M", "resolved": "R"}
    return " ".join(f"{(one.at - NOON).seconds // STEP_SECONDS}{letters[one.event]}" for one in notices)


# A step is 30 s: fires after 60 s, is reminded of after 150 s, resolved after 60 s.
@pytest.mark.parametrize(
    ("pattern", "notices"),
    [
        ("", ""),
        ("...", ""),
        ("xx", ""),  # not yet
        ("xxx", "2F"),
        ("xx.xx.xx", ""),  # each time well before it fires
        ("xx.xxx", "5F"),
        ("xxxx", "2F"),  # and no second time
        ("xxxxxxxx", "2F 7M"),
        ("xxxxxxxxxxxxx", "2F 7M 12M"),
        ("xxx..", "2F"),
        ("xxx...", "2F 5R"),
        ("xxx......", "2F 5R"),  # and no second time
        ("xxx..x..x..", "2F 8M"),  # it flaps: one incident
        ("xxx..x...", "2F 8R"),
        ("xxx...xxx...", "2F 5R 8F 11R"),  # two incidents
        ("xxx....x..", "2F 5R"),
        ("x??", ""),  # what is not seen does not fire
        ("x?x", "2F"),  # it was bad before and after
        ("?????", ""),
        ("xxx?????", "2F"),  # nor resolve
        ("xxx????xx", "2F 7M"),  # nor is it reminded of while it is not seen
        ("xxx.??.", "2F 6R"),  # well before and after
        ("xxx.??x", "2F"),
        ("xxx????...", "2F 9R"),
        ("xx?.xx", ""),
    ],
)
def test_an_incident_from_first_seen_to_resolved(pattern: str, notices: str) -> None:
    assert shape(told([RULE], steps_of(pattern))) == notices


def test_a_level_below_the_rules_is_well_and_a_worse_one_counts() -> None:
    assert shape(told([AT_ONCE], [([signal("warn")], ()), ([signal("info")], ())])) == "0F 1R"
    assert shape(told([AT_ONCE], [([signal("error")], ()), ([signal("ok")], ())])) == "0F 1R"


def test_subjects_have_incidents_of_their_own() -> None:
    both = [signal(subject="a"), signal(subject="b")]
    notices = told([AT_ONCE], [(both, ()), (both[:1], ())])
    assert [(one.event, one.incident.subject) for one in notices] == [
        ("fired", "a"),
        ("fired", "b"),
        ("resolved", "b"),
    ]


@pytest.mark.parametrize("unknown", ["check", "check/dead_letter_share", "check/dead_letter_share/iot_data"])
def test_all_of_a_kind_a_name_or_a_subject_can_be_unknown(unknown: str) -> None:
    assert shape(told([AT_ONCE], [([signal()], ()), ([], [unknown])])) == "0F"


@pytest.mark.parametrize("unknown", ["lag", "check/freshness", "check/dead_letter_share/other", ""])
def test_what_is_unknown_elsewhere_holds_nothing_up(unknown: str) -> None:
    assert shape(told([AT_ONCE], [([signal()], ()), ([], [unknown])])) == "0F 1R"


def test_a_signal_that_is_given_was_seen_whatever_is_unknown() -> None:
    assert shape(told([AT_ONCE], [([signal()], ["check"])])) == "0F"


def test_a_signal_of_level_ok_says_that_it_is_well_whatever_is_unknown() -> None:
    steps = [([signal()], ()), ([signal("ok", subject="other")], ["check"]), ([signal("ok")], ["check"])]
    assert shape(told([AT_ONCE], steps)) == "0F 2R"


def test_of_several_signals_for_one_incident_the_worst_is_told() -> None:
    (notice,) = told([AT_ONCE], [([signal("warn", text="5 %"), signal("error", text="50 %")], ())])
    assert notice.incident.text == "50 %"


def test_a_reminder_has_the_latest_figure_and_its_number() -> None:
    notices = told([AT_ONCE], [([signal(text=f"{step} %")], ()) for step in range(11)])
    assert [(one.event, one.incident.text, one.incident.reminders) for one in notices] == [
        ("fired", "0 %", 0),
        ("reminded", "5 %", 1),
        ("reminded", "10 %", 2),
    ]


def test_where_two_rules_see_one_trouble_the_worse_one_tells_of_it() -> None:
    worse = replace(AT_ONCE, name="many_dead_letters", level="error")
    both = [AT_ONCE, worse]
    rising = told(both, [([signal(level)], ()) for level in ("warn", "error", "warn", "ok")])
    assert [(one.event, one.incident.rule) for one in rising] == [
        ("fired", "dead_letters"),
        ("fired", "many_dead_letters"),
        ("resolved", "many_dead_letters"),
        ("resolved", "dead_letters"),
    ]
    at_once = told(both, [([signal("error")], ())] * 20)
    assert {one.incident.rule for one in at_once} == {"many_dead_letters"}  # reminders too
    falling = told(both, [([signal(level)], ()) for level in ("error", "warn")])
    assert [(one.event, one.incident.rule) for one in falling] == [
        ("fired", "many_dead_letters"),
        ("resolved", "many_dead_letters"),
        ("fired", "dead_letters"),
    ]


def test_an_incident_without_its_rule_is_resolved_and_says_so() -> None:
    memory, _ = advance([AT_ONCE], {}, [signal()], NOON)
    memory, (notice,) = advance([], memory, [signal()], NOON)
    assert memory == {}
    assert (notice.event, notice.incident.text) == ("resolved", "Its rule is no longer in the file of rules.")


def test_a_clock_that_goes_back_fires_and_resolves_nothing() -> None:
    memory, _ = advance([RULE], {}, [signal()], NOON)
    memory, notices = advance([RULE], memory, [signal()], NOON - timedelta(days=1))
    assert notices == ()
    _, notices = advance([RULE], memory, [signal()], NOON + timedelta(seconds=60))
    assert [one.event for one in notices] == ["fired"]


@given(st.text("x.?", max_size=12), st.integers(1, 10**7), st.text("x.?", max_size=12))
def test_a_clock_that_was_ahead_and_is_set_right_delays_nothing(before: str, ahead_seconds: int, after: str) -> None:
    """What was kept while it was ahead counts as kept at the moment at which it was right again."""

    def run(memory: dict[Key, Incident], steps: str, start: datetime) -> tuple[dict[Key, Incident], list[Notice]]:
        notices: list[Notice] = []
        for step, (signals, unknown) in enumerate(steps_of(steps)):
            now = start + timedelta(seconds=STEP_SECONDS * step)
            memory, new = advance([RULE], memory, signals, now, unknown)
            notices.extend(new)
        return memory, notices

    ahead, _ = run({}, before, NOON + timedelta(seconds=ahead_seconds + STEP_SECONDS * len(before)))
    right = {key: set_right(one) for key, one in ahead.items()}
    assert run(ahead, after, NOON)[1] == run(right, after, NOON)[1]


def set_right(incident: Incident) -> Incident:
    """With every moment of it at noon."""
    changes: dict[str, Any] = {name: NOON for name, kept in vars(incident).items() if isinstance(kept, datetime)}
    return dataclasses.replace(incident, **changes)


def test_a_trouble_that_began_while_the_clock_was_a_day_ahead_fires_and_ends_in_its_time() -> None:
    memory, _ = advance([RULE], {}, [signal()], NOON + timedelta(days=1))
    told: list[Notice] = []
    for step in range(8):
        signals = [signal()] if step < 4 else []
        memory, new = advance([RULE], memory, signals, NOON + timedelta(seconds=STEP_SECONDS * step))
        told.extend(new)
    assert shape(told) == "2F 6R"


def test_what_is_over_says_how_it_is_now() -> None:
    (_, over) = told([AT_ONCE], [([signal("error", text="50 %")], ()), ([signal("ok", text="0 % are dead.")], ())])
    assert over.incident.text == "50 % Now: 0 % are dead."


def test_the_memory_and_the_signals_that_came_in_are_not_changed() -> None:
    before, _ = advance([AT_ONCE], {}, [signal()], NOON)
    kept = dict(before)
    advance([AT_ONCE], before, [], NOON)
    assert before == kept


LEVELS: tuple[Level, ...] = ("ok", "info", "warn", "error")
ANY_SIGNAL = st.builds(
    lambda subject, level: signal(level, subject), st.sampled_from(["a", "b"]), st.sampled_from(LEVELS)
)
ANY_STEP = st.tuples(
    st.integers(0, 300),  # seconds since the step before
    st.lists(ANY_SIGNAL, max_size=3),
    st.sets(st.sampled_from(["check", "check/dead_letter_share/a", "lag"])),
)
DURATION = st.sampled_from([0, 1, 30, 100])
ANY_RULE = st.builds(
    lambda level, hold, cooldown, well: replace(
        RULE, level=level, for_seconds=hold, cooldown_seconds=cooldown, resolve_after_seconds=well
    ),
    st.sampled_from(["warn", "error"]),
    DURATION,
    st.sampled_from([1, 90, 500, float("inf")]),
    DURATION,
)


@given(st.lists(ANY_RULE, min_size=1, max_size=2), st.lists(ANY_STEP, max_size=40))
def test_whatever_comes_an_incident_fires_once_resolves_at_most_once_and_is_not_nagged_about(
    made: list[Rule], steps: list[tuple[int, list[Signal], set[str]]]
) -> None:
    rules = [replace(rule, name=f"rule_{position}") for position, rule in enumerate(made)]
    by_name = {rule.name: rule for rule in rules}
    memory: dict[Key, Incident] = {}
    told: dict[tuple[Key, datetime], list[Notice]] = {}
    now = NOON
    for pause, signals, unknown in steps:
        now += timedelta(seconds=pause)
        before = memory
        memory, notices = advance(rules, before, signals, now, unknown)
        for notice in notices:
            told.setdefault((notice.incident.key, notice.incident.fired_at or now), []).append(notice)
            given = [one for one in signals if by_name[notice.incident.rule].matches(one)]
            seen = notice.incident.subject in {one.subject for one in given}
            assert seen == (notice.event != "resolved")
            if notice.event == "resolved":
                told_well = {one.subject for one in signals}  # by a signal that the rule does not count
                assert "check" not in unknown or notice.incident.subject in told_well
        firing = {key for key, incident in memory.items() if incident.fired_at is not None}
        assert firing == {notices[-1].incident.key for notices in told.values() if notices[-1].event != "resolved"}
        assert all(incident.resolved_at is None for incident in memory.values())
    for (key, _), all_of_it in told.items():
        rule = by_name[key[0]]
        counts = Counter(notice.event for notice in all_of_it)
        assert counts["fired"] == 1
        assert all_of_it[0].event == "fired"
        assert counts["resolved"] <= 1
        assert counts["resolved"] == 0 or all_of_it[-1].event == "resolved"
        assert all_of_it[-1].incident.reminders == counts["reminded"]
        fired = all_of_it[0].incident
        assert (fired.fired_at or now) - fired.since >= timedelta(seconds=rule.for_seconds)
        spoken = [notice.at for notice in all_of_it if notice.event != "resolved"]
        for earlier, later in pairwise(spoken):
            assert (later - earlier).total_seconds() >= rule.cooldown_seconds


@given(st.text("x.?", max_size=40), st.integers(0, 40))
def test_it_does_not_matter_how_often_a_process_is_started_anew(pattern: str, cut: int) -> None:
    """The memory is all there is: an observation twice at one moment tells nothing twice."""
    steps = steps_of(pattern)
    memory: dict[Key, Incident] = {}
    notices: list[Notice] = []
    for step, (signals, unknown) in enumerate(steps):
        now = NOON + timedelta(seconds=STEP_SECONDS * step)
        for _ in range(2 if step == cut else 1):
            memory, new = advance([RULE], memory, signals, now, unknown)
            notices.extend(new)
    assert shape(notices) == shape(told([RULE], steps))
