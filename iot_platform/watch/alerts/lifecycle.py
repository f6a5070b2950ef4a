"""From signals to incidents: each fires once, is reminded of inside, and is resolved once. Pure.

    a signal comes ──► pending ──(held for_seconds)──► firing ──(well for resolve_after_seconds)──► resolved
                          └──(well)──► forgotten         └── reminded, at most once a cooldown

What could not be observed (`unknown`) changes nothing: an incident of it neither fires nor resolves.

While a cause fires, what its rule explains is not told by itself: it waits as pending and is named inside the cause's
incident (`also`). It is told when the cause is over and it still holds for its own time. While a cause is pending, what
it explains waits for it.

A silenced incident goes on as every other, but is not told; where it fires inside a silence and still does after it,
it is told then. What was told as firing is told as resolved, in a silence too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from iot_platform.watch.alerts.rules import Rule, in_order
from iot_platform.watch.alerts.signals import Signal, is_unknown, severity
from iot_platform.watch.alerts.silences import Silence, silenced_by

Event = Literal["fired", "reminded", "resolved"]
Key = tuple[str, str]

RULE_GONE = "Its rule is no longer in the file of rules."
_MOST_ALSO = 50
_MOMENTS = ("since", "fired_at", "noticed_at", "well_since", "covered_at")


@dataclass(frozen=True)
class Incident:
    """One trouble of one subject under one rule, as last seen. `since` is when it was first seen, firing or not.

    `also`: titles of what followed from it and was not told by itself. `covered_by`: the title of the cause that tells
    of this one; `covered_at`: when one last did. `silenced`: why it is not told now; `untold`: it fires, and nobody was
    told of it. `acknowledged`: who looks after it; then it is reminded of no more.
    """

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
    stream: str = ""
    runbook: str = ""
    also: tuple[str, ...] = ()
    covered_by: str = ""
    covered_at: datetime | None = None
    silenced: str = ""
    untold: bool = False
    acknowledged: str = ""

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


@dataclass(frozen=True)
class _Around:
    """What an observation was, beside the signal itself."""

    now: datetime
    unknown: Collection[str]
    silences: Sequence[Silence]
    seen: Mapping[tuple[str, str, str], str]
    """What each signal says, by its cause."""


def advance(
    rules: Sequence[Rule],
    memory: Memory,
    signals: Iterable[Signal],
    now: datetime,
    unknown: Collection[str] = (),
    silences: Sequence[Silence] = (),
) -> tuple[dict[Key, Incident], tuple[Notice, ...]]:
    """The memory after an observation at `now`, and what is to be told.

    A signal that is given was observed, whatever `unknown` says; a signal that is not given means well unless
    `unknown` names it. An incident leaves the memory with its resolve, or, still pending, as soon as all is well.
    """
    given = tuple(signals)
    memory = {key: _not_after(incident, now) for key, incident in memory.items()}
    around = _Around(now, unknown, silences, {(one.kind, one.name, one.subject): one.text for one in given})
    after: dict[Key, Incident] = {}
    notices: list[Notice] = []
    ordered = in_order(rules)
    for rule in ordered:
        seen = _observed(rule, given)
        before = {key: incident for key, incident in memory.items() if key[0] == rule.name}
        told_worse = frozenset(one.cause for one in after.values() if one.fired_at is not None)
        causes = [(cause, one) for cause in ordered if rule.name in cause.explained for one in _of(cause, after)]
        for key in sorted(before.keys() | seen.keys()):
            incident, notice = _step(rule, before.get(key), seen.get(key), around, told_worse, causes)
            if notice is not None:
                notices.append(notice)
            if incident is not None and incident.resolved_at is None:
                after[key] = incident
    notices.extend(_without_rule(rules, memory, now))
    after = {key: _with_also(incident, after.values()) for key, incident in after.items()}
    return after, tuple(_as_known(notice, after) for notice in notices)


def _not_after(incident: Incident, now: datetime) -> Incident:
    """The incident as a clock that is right now would have it: one that was ahead must not hold back what is due."""
    ahead = [name for name in _MOMENTS if (kept := getattr(incident, name)) is not None and kept > now]
    changes: dict[str, Any] = dict.fromkeys(ahead, now)
    return replace(incident, **changes) if ahead else incident


def _of(rule: Rule, incidents: Memory) -> list[Incident]:
    return [incident for incident in incidents.values() if incident.rule == rule.name]


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
    around: _Around,
    told_worse: Collection[tuple[str, str, str]],
    causes: Sequence[tuple[Rule, Incident]],
) -> tuple[Incident | None, Notice | None]:
    if signal is not None:
        latest = _updated(rule, incident, signal, around)
        if latest.cause in told_worse:  # a worse alert tells of it
            return latest, None
        mine = [
            one
            for cause, one in causes
            if one.stream in ("", latest.stream) and cause.accounts_for(rule.name, latest.subject)
        ]
        return _on_signal(rule, latest, around.now, mine)
    assert incident is not None
    if incident.cause not in around.seen and is_unknown(around.unknown, *incident.cause):
        return incident, None
    return _on_well(rule, incident, around.now, around.seen.get(incident.cause, ""))


def _updated(rule: Rule, incident: Incident | None, signal: Signal, around: _Around) -> Incident:
    """The incident with what the signal says now; a new one where there was none."""
    subject = rule.subject_of(signal)
    latest = Incident(
        rule=rule.name,
        subject=subject,
        level=rule.level,
        title=rule.title_for(signal),
        what_to_do=rule.what_to_do,
        text=signal.text,
        kind=signal.kind,
        signal=signal.name,
        source=signal.subject,
        since=around.now,
        stream=signal.stream,
        runbook=rule.runbook or "",
        silenced=silenced_by(around.silences, rule.name, subject, around.now),
    )
    if incident is None:
        return latest
    return replace(
        latest,
        since=incident.since,
        fired_at=incident.fired_at,
        noticed_at=incident.noticed_at,
        reminders=incident.reminders,
        also=incident.also,
        covered_at=incident.covered_at,
        untold=incident.untold,
        acknowledged=incident.acknowledged,
    )


def _on_signal(
    rule: Rule, incident: Incident, now: datetime, causes: Sequence[Incident]
) -> tuple[Incident, Notice | None]:
    tells = next((one for one in causes if one.covered_by or one.fired_at is not None), None)
    if tells is not None:  # of a chain, the first of the causes
        return replace(incident, covered_by=tells.covered_by or tells.title, covered_at=now), None
    if incident.fired_at is None:
        if causes or _held_seconds(incident, now) < rule.for_seconds:  # a cause that is pending is waited for
            return incident, None
        return _told("fired", replace(incident, fired_at=now), now)
    return _still(rule, incident, incident.noticed_at or incident.fired_at, now)


def _still(rule: Rule, incident: Incident, noticed_at: datetime, now: datetime) -> tuple[Incident, Notice | None]:
    """One that fires and goes on; by itself, for no cause tells of it."""
    if incident.silenced:
        return incident, None
    if incident.untold:
        return _told("fired", incident, now)
    if incident.acknowledged or _seconds(noticed_at, now) < rule.cooldown_seconds:
        return incident, None
    return _told("reminded", replace(incident, reminders=incident.reminders + 1), now)


def _told(event: Event, incident: Incident, now: datetime) -> tuple[Incident, Notice]:
    told = replace(incident, noticed_at=now, untold=bool(incident.silenced))
    return told, Notice(event, told, now)


def _on_well(rule: Rule, incident: Incident, now: datetime, said: str) -> tuple[Incident | None, Notice | None]:
    if incident.fired_at is None:
        return None, None
    well_since = incident.well_since or now
    if _seconds(well_since, now) < rule.resolve_after_seconds:
        return replace(incident, well_since=well_since), None
    text = f"{incident.text} Now: {said}" if said else incident.text
    return _resolved(replace(incident, well_since=well_since, text=text), now)


def _without_rule(rules: Iterable[Rule], memory: Memory, now: datetime) -> Iterable[Notice]:
    """What fired under a rule that is gone is resolved, or it would fire for ever."""
    names = {rule.name for rule in rules}
    for incident in memory.values():
        if incident.rule not in names and incident.fired_at is not None:
            yield _resolved(replace(incident, text=RULE_GONE), now)[1]


def _resolved(incident: Incident, now: datetime) -> tuple[Incident, Notice]:
    resolved = replace(incident, resolved_at=now, silenced=incident.silenced if incident.untold else "")
    return resolved, Notice("resolved", resolved, now)


def _with_also(incident: Incident, incidents: Collection[Incident]) -> Incident:
    """With the titles of what it covers now, behind those that it covered before."""
    now_too = [one.title for one in incidents if one.covered_by == incident.title and one.key != incident.key]
    also = tuple(dict.fromkeys((*incident.also, *now_too)))[:_MOST_ALSO]
    return replace(incident, also=also) if also != incident.also else incident


def _as_known(notice: Notice, after: Memory) -> Notice:
    """The notice with what the whole observation showed of its incident."""
    latest = after.get(notice.incident.key)
    return notice if latest is None or notice.event == "resolved" else replace(notice, incident=latest)


def _held_seconds(incident: Incident, now: datetime) -> float:
    """For how long it has held by itself: what a cause told of counts from the end of the cause."""
    return _seconds(max(incident.since, incident.covered_at or incident.since), now)


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
