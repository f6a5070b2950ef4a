"""From signals to incidents: each fires once, is reminded of inside, and is resolved once. Pure.

    a signal comes ──► pending ──(held for_seconds)──► firing ──(well for resolve_after_seconds)──► resolved
                          └──(well)──► forgotten         └── reminded, at most once a cooldown

What could not be observed (`unknown`) changes nothing: an incident of it neither fires nor resolves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from iot_platform.watch.alerts.rules import Rule
from iot_platform.watch.alerts.signals import Signal, is_unknown, severity

Event = Literal["fired", "reminded", "resolved"]
Key = tuple[str, str]

RULE_GONE = "Its rule is no longer in the file of rules."


@dataclass(frozen=True)
class Incident:
    """One trouble of one subject under one rule, as last seen. `since` is when it was first seen, firing or not."""

    rule: str
    subject: str
    level: str
    title: str
    what_to_do: str
    text: str
    kind: str
    signal: str
    source: str  # the signal's own subject
    since: datetime
    fired_at: datetime | None = None
    noticed_at: datetime | None = None
    reminders: int = 0
    well_since: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def key(self) -> Key:
        return (self.rule, self.subject)

    @property
    def cause(self) -> tuple[str, str, str]:
        return (self.kind, self.signal, self.source)


@dataclass(frozen=True)
class Notice:
    """Something to tell, with the incident as it was then."""

    event: Event
    incident: Incident
    at: datetime


Memory = Mapping[Key, Incident]  # pending and firing ones


def advance(
    rules: Sequence[Rule], memory: Memory, signals: Iterable[Signal], now: datetime, unknown: Collection[str] = ()
) -> tuple[dict[Key, Incident], tuple[Notice, ...]]:
    """The memory after an observation at `now`, and what is to be told.

    A signal that is given was observed, whatever `unknown` says; a signal that is not given means well unless
    `unknown` names it. An incident leaves the memory with its resolve, or, still pending, as soon as all is well.
    """
    given = tuple(signals)
    after: dict[Key, Incident] = {}
    notices: list[Notice] = []
    firing_causes: set[tuple[str, str, str]] = set()
    for rule in sorted(rules, key=lambda rule: -severity(rule.level)):  # the worse first: they may cover others
        seen = _observed(rule, given)
        before = {key: incident for key, incident in memory.items() if key[0] == rule.name}
        covered = frozenset(firing_causes)
        for key in sorted(before.keys() | seen.keys()):
            incident, notice = _step(rule, before.get(key), seen.get(key), now, unknown, covered)
            if notice is not None:
                notices.append(notice)
            if incident is not None and incident.resolved_at is None:
                after[key] = incident
                if incident.fired_at is not None:
                    firing_causes.add(incident.cause)
    notices.extend(_without_rule(rules, memory, now))
    return after, tuple(notices)


def _observed(rule: Rule, signals: Iterable[Signal]) -> dict[Key, Signal]:
    """The signals that a rule means, by incident; of several for one incident the worst, then the first."""
    seen: dict[Key, Signal] = {}
    for signal in signals:
        if rule.matches(signal):
            key = (rule.name, rule.subject_of(signal))
            if key not in seen or severity(signal.level) > severity(seen[key].level):
                seen[key] = signal
    return seen


def _step(
    rule: Rule,
    incident: Incident | None,
    signal: Signal | None,
    now: datetime,
    unknown: Collection[str],
    covered: Collection[tuple[str, str, str]],
) -> tuple[Incident | None, Notice | None]:
    if signal is not None:
        return _on_signal(rule, _updated(rule, incident, signal, now), now, covered)
    assert incident is not None
    if is_unknown(unknown, *incident.cause):
        return incident, None
    return _on_well(rule, incident, now)


def _updated(rule: Rule, incident: Incident | None, signal: Signal, now: datetime) -> Incident:
    """The incident with what the signal says now; a new one where there was none."""
    latest = Incident(
        rule=rule.name,
        subject=rule.subject_of(signal),
        level=rule.level,
        title=rule.title_for(signal),
        what_to_do=rule.what_to_do,
        text=signal.text,
        kind=signal.kind,
        signal=signal.name,
        source=signal.subject,
        since=now,
    )
    if incident is None:
        return latest
    return replace(
        latest,
        since=incident.since,
        fired_at=incident.fired_at,
        noticed_at=incident.noticed_at,
        reminders=incident.reminders,
    )


def _on_signal(
    rule: Rule, incident: Incident, now: datetime, covered: Collection[tuple[str, str, str]]
) -> tuple[Incident, Notice | None]:
    if incident.cause in covered:  # a worse alert tells of it
        return incident, None
    if incident.fired_at is None:
        if _seconds(incident.since, now) < rule.for_seconds:
            return incident, None
        fired = replace(incident, fired_at=now, noticed_at=now)
        return fired, Notice("fired", fired, now)
    if _seconds(incident.noticed_at or incident.fired_at, now) < rule.cooldown_seconds:
        return incident, None
    reminded = replace(incident, noticed_at=now, reminders=incident.reminders + 1)
    return reminded, Notice("reminded", reminded, now)


def _on_well(rule: Rule, incident: Incident, now: datetime) -> tuple[Incident | None, Notice | None]:
    if incident.fired_at is None:
        return None, None
    well_since = incident.well_since or now
    if _seconds(well_since, now) < rule.resolve_after_seconds:
        return replace(incident, well_since=well_since), None
    return _resolved(replace(incident, well_since=well_since), now)


def _without_rule(rules: Iterable[Rule], memory: Memory, now: datetime) -> Iterable[Notice]:
    """What fired under a rule that is gone is resolved, or it would fire for ever."""
    names = {rule.name for rule in rules}
    for incident in memory.values():
        if incident.rule not in names and incident.fired_at is not None:
            yield _resolved(replace(incident, text=RULE_GONE), now)[1]


def _resolved(incident: Incident, now: datetime) -> tuple[Incident, Notice]:
    resolved = replace(incident, resolved_at=now)
    return resolved, Notice("resolved", resolved, now)


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
