"""Each built-in rule by itself: its signal fires it after its time, and it is resolved after its time of well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from iot_platform.watch.alerts.lifecycle import Incident, Key, Notice, advance
from iot_platform.watch.alerts.rules import ALL_OTHERS, Rule, load_rules
from iot_platform.watch.alerts.signals import Signal
from iot_platform.watch.alerts.texts import message_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = load_rules()


def signal_for(rule: Rule, subject: str = "iot_data") -> Signal:
    """As weak a signal as the rule still counts."""
    name = "of_tomorrow" if ALL_OTHERS in rule.signals else min(rule.signals)
    value = None if rule.above is None else rule.above + 1
    return Signal(rule.kind, name, subject, rule.level, "a figure", NOON, value, "iot_data")


def told(rules: list[Rule], signal: Signal, bad_seconds: int, well_seconds: int) -> list[Notice]:
    """Looked at every second."""
    memory: dict[Key, Incident] = {}
    notices: list[Notice] = []
    for second in range(bad_seconds + well_seconds):
        signals = [signal] if second < bad_seconds else []
        memory, new = advance(rules, memory, signals, NOON + timedelta(seconds=second))
        notices.extend(new)
    return notices


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_fires_when_it_has_held_for_its_time_and_is_resolved_when_it_was_well_for_its_time(rule: Rule) -> None:
    hold, well = int(rule.for_seconds), int(rule.resolve_after_seconds)
    fired, resolved = told([rule], signal_for(rule), hold + 1, well + 1)
    assert (fired.event, fired.at) == ("fired", NOON + timedelta(seconds=hold))
    assert (resolved.event, resolved.at) == ("resolved", NOON + timedelta(seconds=hold + 1 + well))
    message = message_of([fired], "inst-1")
    for words in ("a figure", rule.what_to_do, f"Runbook: docs/runbooks/{rule.name}.md"):
        assert words in message.body


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.explains], ids=lambda rule: rule.name)
def test_what_it_explains_is_told_within_it(rule: Rule) -> None:
    by_name = {other.name: other for other in RULES}
    places = [one.partition("/") for one in rule.explains]  # of "behind/loader-*" the subject is loader-iot_data
    ones = [(by_name[name], subjects.replace("*", "iot_data") or "iot_data") for name, _, subjects in places]
    explained, signals = [one for one, _ in ones], [signal_for(rule), *(signal_for(*one) for one in ones)]
    memory: dict[Key, Incident] = {}
    fired = set()
    for second in range(0, 600, 30):
        memory, new = advance([rule, *explained], memory, signals, NOON + timedelta(seconds=second))
        fired |= {notice.incident.rule for notice in new}
    assert fired == {rule.name}
    assert set(memory[rule.name, "iot_data"].also) == {one.title_for(signal_for(one, at)) for one, at in ones}
