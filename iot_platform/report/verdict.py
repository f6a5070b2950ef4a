"""Is the data good? Rules over the figures of a report: each gives a finding or none. Pure.

Levels are those of the checks (quality/levels.toml), applied to the whole period. The light is the worst finding's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from iot_platform.quality.levels import Levels
from iot_platform.quality.verdict import TROUBLEMAKERS, count_of, moment, per_cent
from iot_platform.report.figures import Culprit, Figures, Reason
from iot_platform.report.finding import LIGHTS, NAMED, Finding, Light, Rule, listed, since_text
from iot_platform.report.flow import alerts, lag, pauses, unbuilt
from iot_platform.report.period import Period

WORDS: Mapping[Light, str] = {"good": "Good", "look": "Look at it", "act": "Act now"}
_ORDER: tuple[Light, ...] = ("good", "look", "act")
_FELL_POINTS = 5.0


@dataclass(frozen=True)
class Verdict:
    """`sentence` begins with the answer; `note` tells of the simulated fleet, where all that is wrong is its own.

    `empty`: there is no record and none was expected; that is neither good nor bad.
    """

    light: Light
    sentence: str
    findings: tuple[Finding, ...]
    note: str = ""
    empty: bool = False

    @property
    def word(self) -> str:
        return "No data" if self.empty else WORDS[self.light]


def judge(figures: Figures, levels: Mapping[str, Levels]) -> Verdict:
    """The verdict on one period."""
    findings = sorted(
        (finding for rule in _RULES for finding in rule(figures, levels)), key=lambda one: -_ORDER.index(one.light)
    )
    light = findings[0].light if findings else "good"
    empty = figures.all_streams is None and not findings
    return Verdict(light, _sentence(figures, light, findings), tuple(findings), _note(findings), empty)


def _unaccounted(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for audit in figures.audits:
        if audit.unaccounted or audit.findings:
            brief = f"{count_of(abs(audit.unaccounted), 'record')} of {audit.stream} cannot be accounted for"
            yield Finding(
                "act", f"{brief}, with {count_of(audit.findings, 'finding')}. {audit.first_finding}".rstrip(),
                f"as of {moment(audit.taken_at)}", audit.stream,
                f"`iot-platform audit --stream {audit.stream}` names the step and the offsets.", "accounting", brief,
            )  # fmt: skip


def _dead(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for stream, totals in figures.totals.items():
        status = levels["dead_letter_share"].status(totals.share_dead)
        if not stream or status == "pass":
            continue
        reasons = [one for one in figures.reasons if one.stream == stream and one.records]
        brief = f"{per_cent(totals.share_dead)} of the records of {stream} are dead"
        main = listed([f"{one.code} {one.records:,}" for one in reasons], len(reasons))
        yield Finding(
            light=LIGHTS[status],
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
    brief = f"{count_of(figures.silent_total, 'sensor')} {'is' if figures.silent_total == 1 else 'are'} silent"
    places = sorted({one.location or "(unknown)" for one in figures.silent})
    yield Finding(
        LIGHTS[status], f"{brief}: {listed(names, figures.silent_total)}.",
        since_text(min(one.since for one in figures.silent), figures.period), listed(places, len(places)),
        "Look at power and network there.", "silent", brief, tuple(names),
    )  # fmt: skip


def _odd(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    status = levels["sensor_findings"].status(figures.odd_total)
    if status == "pass":
        return
    first, names = figures.odd[0], list(dict.fromkeys(one.sensor_id for one in figures.odd))
    told = list(dict.fromkeys(f"{one.sensor_id} ({one.name})" for one in figures.odd))
    brief = f"{count_of(figures.odd_total, 'sensor')} {'behaves' if figures.odd_total == 1 else 'behave'} oddly"
    places = sorted({one.location or "(unknown)" for one in figures.odd})
    yield Finding(
        LIGHTS[status], f"{brief}, though the readings are valid: {listed(told, max(len(told), figures.odd_total))}.",
        since_text(min(one.since for one in figures.odd), figures.period), listed(places, len(places)),
        first.what_to_do, "odd", brief, tuple(names),
    )  # fmt: skip


def _nulls(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    if not figures.null_sensors:
        return
    worst, total = figures.null_sensors[0], figures.null_sensors[0].total
    names = list(dict.fromkeys(one.sensor_id for one in figures.null_sensors))
    places = sorted({one.location for one in figures.null_sensors})
    brief = f"{count_of(total, 'sensor')} {'leaves' if total == 1 else 'leave'} out fields"
    yield Finding(
        LIGHTS[levels["null_rates"].status(worst.rate)],
        f"{brief} in {per_cent(levels['null_rates'].warn)} of the readings or more; worst is {worst.field} of "
        f"{worst.sensor_id}: {per_cent(worst.rate)}.",
        since_text(figures.null_since, figures.period), f"{listed(names, total)} at {listed(places, len(places))}",
        "One sensor is broken; a whole location points to its gateway, all sensors to a release of firmware.",
        "nulls", brief, tuple(names),
    )  # fmt: skip


def _fell(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    now, before = figures.all_streams, figures.totals_before.get("")
    if now is not None and before is not None and before.score - now.score >= _FELL_POINTS:
        fallen = [one for one in figures.movers if one.score < one.score_before]
        names = [one.sensor_id for one in fallen]
        brief = f"the score fell from {before.score:g} to {now.score:g}"
        yield Finding(
            "look", f"{brief[0].upper()}{brief[1:]} against {figures.period.before.label}.", "",
            listed(names, fallen[0].fell) if fallen else "",
            "Compare the reasons and the locations with those before.", "changes", brief, tuple(names),
        )  # fmt: skip


def _drift(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    changed = [one for one in figures.drift if one.types_before]
    if changed:
        names = [f"{one.field} ({', '.join(one.types_before)} to {one.json_type})" for one in changed]
        brief = f"{count_of(len(changed), 'field')} beyond the contract changed type"
        yield Finding(
            "look", f"{brief}: {listed(names, len(names))}.",
            since_text(min(one.since for one in changed), figures.period),
            listed(sorted({one.stream for one in changed}), 1), "Ask who released what; readers of `extra` may break.",
            "changes", brief,
        )  # fmt: skip


_RULES: tuple[Rule, ...] = (_unaccounted, unbuilt, pauses, _dead, _silent, _odd, _nulls, lag, _fell, _drift, alerts)


def _sentence(figures: Figures, light: Light, findings: list[Finding]) -> str:
    totals = figures.all_streams
    if totals is None and not findings:
        return "There is no data in this period."
    if light == "good":
        assert totals is not None
        sensors = count_of(totals.sensors, "sensor")
        return f"The data is good: {totals.records:,} records of {sensors}, score {totals.score:g}."
    opening = "The data is not good" if light == "act" else "The data is usable, but look at this"
    if figures.unbuilt:
        opening = "Not all of the data is judged"
    briefs = [finding.brief for finding in findings]
    more = f"; and {len(briefs) - NAMED} more" if len(briefs) > NAMED else ""
    return f"{opening}: {'; '.join(briefs[:NAMED])}{more}."


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
    return listed(names, len(names))


def _at(one: Culprit) -> str:
    return one.sensor_id if one.location == "(unknown)" else f"{one.sensor_id} ({one.location})"
