"""Is the data good? Rules over the figures of a report: each gives a finding or none. Pure.

Levels are those of the checks (quality/levels.toml), applied to the whole period. The light is the worst finding's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from iot_platform.clock import duration
from iot_platform.quality.levels import Levels
from iot_platform.quality.verdict import TROUBLEMAKERS, moment, per_cent
from iot_platform.report.figures import Culprit, Figures, Reason, Since
from iot_platform.report.period import Period

Light = Literal["good", "look", "act"]

WORDS: Mapping[Light, str] = {"good": "Good", "look": "Look at it", "act": "Act now"}
_LIGHTS: Mapping[str, Light] = {"pass": "good", "warn": "look", "error": "act"}
_ORDER: tuple[Light, ...] = ("good", "look", "act")
_FELL_POINTS = 5.0
_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: what with its figure, since when, where, what to do, and the section that tells more."""

    light: Light
    what: str
    since: str
    where: str
    what_to_do: str
    section: str
    brief: str
    sensors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """`sentence` begins with the answer; `note` tells of the simulated fleet, where all that is wrong is its own."""

    light: Light
    sentence: str
    findings: tuple[Finding, ...]
    note: str = ""

    @property
    def word(self) -> str:
        return WORDS[self.light]


Rule = Callable[[Figures, Mapping[str, Levels]], Iterator[Finding]]


def judge(figures: Figures, levels: Mapping[str, Levels]) -> Verdict:
    """The verdict on one period."""
    findings = sorted(
        (finding for rule in _RULES for finding in rule(figures, levels)), key=lambda one: -_ORDER.index(one.light)
    )
    light = findings[0].light if findings else "good"
    return Verdict(light, _sentence(figures, light, findings), tuple(findings), _note(findings))


def since_text(since: Since, period: Period) -> str:
    """A day with which one's view begins may not be the first."""
    if since is None:
        return ""
    if isinstance(since, datetime):
        return f"since {since:%Y-%m-%d %H:%M} UTC"
    return f"since {since}{' or longer' if since <= period.reach.date() else ''}"


def _unaccounted(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for audit in figures.audits:
        if audit.unaccounted or audit.findings:
            brief = f"{_count(abs(audit.unaccounted), 'record')} of {audit.stream} cannot be accounted for"
            yield Finding(
                "act", f"{brief}, with {_count(audit.findings, 'finding')}. {audit.first_finding}".rstrip(),
                f"as of {moment(audit.taken_at)}", audit.stream,
                f"`iot-platform audit --stream {audit.stream}` names the step and the offsets.", "accounting", brief,
            )  # fmt: skip


def _nothing_came(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for stream, before in figures.totals_before.items():
        if stream and stream not in figures.totals:
            brief = f"no record of {stream} came"
            yield Finding(
                "act", f"No record of {stream} came; {before.records:,} came in {figures.period.before.label}.",
                "", stream, "See whether its producer and validator run: `iot-platform status`.", "changes", brief,
            )  # fmt: skip


def _dead(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for stream, totals in figures.totals.items():
        status = levels["dead_letter_share"].status(totals.share_dead)
        if not stream or status == "pass":
            continue
        reasons = [one for one in figures.reasons if one.stream == stream and one.records]
        brief = f"{per_cent(totals.share_dead)} of the records of {stream} are dead"
        main = _listed([f"{one.code} {one.records:,}" for one in reasons], len(reasons))
        yield Finding(
            light=_LIGHTS[status],
            what=f"{brief} ({totals.dead:,} of {totals.records:,}): {main}.",
            since=_oldest(reasons, figures.period),
            where=_culprits(reasons),
            what_to_do=reasons[0].what_to_do if len(reasons) == 1 else "Take the reasons one by one, below.",
            section="dead-letters",
            brief=brief,
            sensors=tuple({one.sensor_id: 1 for reason in reasons for one in reason.culprits}),
        )


def _silent(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    status = levels["silent_sensors"].status(figures.silent_total)
    if status == "pass":
        return
    names = [one.sensor_id for one in figures.silent]
    brief = f"{_count(figures.silent_total, 'sensor')} {'is' if figures.silent_total == 1 else 'are'} silent"
    places = sorted({one.location or "(unknown)" for one in figures.silent})
    yield Finding(
        _LIGHTS[status], f"{brief}: {_listed(names, figures.silent_total)}.",
        since_text(min(one.since for one in figures.silent), figures.period), _listed(places, len(places)),
        "Look at power and network there.", "silent", brief, tuple(names),
    )  # fmt: skip


def _odd(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    status = levels["sensor_findings"].status(figures.odd_total)
    if status == "pass":
        return
    first, names = figures.odd[0], list(dict.fromkeys(one.sensor_id for one in figures.odd))
    told = list(dict.fromkeys(f"{one.sensor_id} ({one.name})" for one in figures.odd))
    brief = f"{_count(figures.odd_total, 'sensor')} {'behaves' if figures.odd_total == 1 else 'behave'} oddly"
    places = sorted({one.location or "(unknown)" for one in figures.odd})
    yield Finding(
        _LIGHTS[status], f"{brief}, though the readings are valid: {_listed(told, max(len(told), figures.odd_total))}.",
        since_text(min(one.since for one in figures.odd), figures.period), _listed(places, len(places)),
        first.what_to_do, "odd", brief, tuple(names),
    )  # fmt: skip


def _nulls(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    if not figures.null_sensors:
        return
    worst, total = figures.null_sensors[0], figures.null_sensors[0].total
    names = list(dict.fromkeys(one.sensor_id for one in figures.null_sensors))
    places = sorted({one.location for one in figures.null_sensors})
    brief = f"{_count(total, 'sensor')} {'leaves' if total == 1 else 'leave'} out fields"
    yield Finding(
        _LIGHTS[levels["null_rates"].status(worst.rate)],
        f"{brief} in {per_cent(levels['null_rates'].warn)} of the readings or more; worst is {worst.field} of "
        f"{worst.sensor_id}: {per_cent(worst.rate)}.",
        since_text(figures.null_since, figures.period), f"{_listed(names, total)} at {_listed(places, len(places))}",
        "One sensor is broken; a whole location points to its gateway, all sensors to a release of firmware.",
        "nulls", brief, tuple(names),
    )  # fmt: skip


def _lag(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for lag in figures.lag:
        status = levels["lag"].status(lag.seconds)
        if status == "pass":
            continue
        over = levels["lag"].status(lag.seconds_at_end) == "pass"
        brief = f"{lag.consumer_group} was up to {duration(lag.seconds)} behind"
        yield Finding(
            "look" if over else _LIGHTS[status],
            f"{brief}; {'that is over' if over else f'still {duration(lag.seconds_at_end)} at the end'}.",
            f"worst at {moment(lag.worst_at)}", lag.consumer_group,
            "Nothing, unless it comes again: then add validators." if over else
            "See whether that group runs (`iot-platform lag`); add validators.", "flow", brief,
        )  # fmt: skip


def _pauses(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for stream in figures.streams:
        mine = [one for one in figures.pauses if one.stream == stream]
        if mine:
            longest = mine[0]
            brief = f"nothing of {stream} came for {duration(longest.seconds)}"
            yield Finding(
                _LIGHTS[levels["freshness"].status(longest.seconds)], f"{brief[0].upper()}{brief[1:]}.",
                f"from {moment(longest.began_at)}", f"all sensors of {stream}",
                "No sensor's fault: see what was down then (`iot-platform alerts list`).", "flow", brief,
            )  # fmt: skip


def _fell(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    now, before = figures.all_streams, figures.totals_before.get("")
    if now is not None and before is not None and before.score - now.score >= _FELL_POINTS:
        fallen = [one for one in figures.movers if one.score < one.score_before]
        names = [one.sensor_id for one in fallen]
        brief = f"the score fell from {before.score:g} to {now.score:g}"
        yield Finding(
            "look", f"{brief[0].upper()}{brief[1:]} against {figures.period.before.label}.", "",
            _listed(names, fallen[0].fell) if fallen else "",
            "Compare the reasons and the locations with those before.", "changes", brief, tuple(names),
        )  # fmt: skip


def _drift(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    changed = [one for one in figures.drift if one.types_before]
    if changed:
        names = [f"{one.field} ({', '.join(one.types_before)} to {one.json_type})" for one in changed]
        brief = f"{_count(len(changed), 'field')} beyond the contract changed type"
        yield Finding(
            "look", f"{brief}: {_listed(names, len(names))}.",
            since_text(min(one.since for one in changed), figures.period),
            _listed(sorted({one.stream for one in changed}), 1), "Ask who released what; readers of `extra` may break.",
            "changes", brief,
        )  # fmt: skip


_RULES: tuple[Rule, ...] = (_unaccounted, _nothing_came, _dead, _silent, _odd, _nulls, _pauses, _lag, _fell, _drift)


def _sentence(figures: Figures, light: Light, findings: list[Finding]) -> str:
    totals = figures.all_streams
    if totals is None and not findings:
        return "There is no data in this period."
    if light == "good":
        assert totals is not None
        sensors = _count(totals.sensors, "sensor")
        return f"The data is good: {totals.records:,} records of {sensors}, score {totals.score:g}."
    opening = "The data is not good" if light == "act" else "The data is usable, but look at this"
    briefs = [finding.brief for finding in findings]
    more = f"; and {len(briefs) - _NAMED} more" if len(briefs) > _NAMED else ""
    return f"{opening}: {'; '.join(briefs[:_NAMED])}{more}."


def _note(findings: Iterable[Finding]) -> str:
    sensors = [name for finding in findings for name in finding.sensors]
    if sensors and all(name.startswith(TROUBLEMAKERS) for name in sensors):
        return (
            "All sensors named here are the simulated fleet's own troublemakers, there to be found; "
            "IOT_FLEET__ENABLED=false turns the fleet off."
        )
    return ""


def _oldest(reasons: Iterable[Reason], period: Period) -> str:
    """Since when there is any of them; days look back farther than moments of the period."""
    begun = [one.since for one in reasons if one.since is not None]
    days = [since for since in begun if not isinstance(since, datetime)]
    moments = [since for since in begun if isinstance(since, datetime)]
    return since_text(min(days), period) if days else since_text(min(moments, default=None), period)


def _culprits(reasons: list[Reason]) -> str:
    names = list(dict.fromkeys(_at(one) for reason in reasons for one in reason.culprits[:1]))
    return _listed(names, len(names))


def _at(one: Culprit) -> str:
    return one.sensor_id if one.location == "(unknown)" else f"{one.sensor_id} ({one.location})"


def _listed(names: Iterable[str], total: int) -> str:
    """The first three, and how many more."""
    shown = list(names)[:_NAMED]
    more = f" and {total - len(shown):,} more" if total > len(shown) else ""
    return f"{', '.join(shown)}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
