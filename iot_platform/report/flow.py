"""Rules of the verdict about the platform rather than the data: pauses, lag, alerts, what nobody judged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from iot_platform.clock import duration
from iot_platform.quality.levels import Levels
from iot_platform.quality.verdict import count_of, moment
from iot_platform.report.figures import Alert, Figures, Pause
from iot_platform.report.finding import LIGHTS, Finding, listed, since_text
from iot_platform.watch.alerts.signals import STREAM_STOPPED


def unbuilt(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for one in figures.unbuilt:
        brief = (
            f"{count_of(one.records, 'record')} of {one.stream} {'is' if one.records == 1 else 'are'} not judged yet"
        )
        yield Finding(
            "act", f"{brief}: loaded, but in none of the tables of quality.", f"since {one.since}", one.stream,
            "Dagster builds those tables: see whether it runs (`iot-platform status`), start it with `iot-platform up` "
            "(IOT_DAGSTER__ENABLED=false switches it off), then make this report again.", "accounting", brief,
        )  # fmt: skip


def pauses(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    """Of each stream the longest, and the one that has no end; where tables lack records, nobody can say."""
    for stream in sorted({*figures.streams} - {one.stream for one in figures.unbuilt}):
        mine = [one for one in figures.pauses if one.stream == stream]
        for pause in dict.fromkeys([*mine[:1], *(one for one in mine if one.open)]):
            yield _paused(figures, pause, levels["freshness"])


def _paused(figures: Figures, pause: Pause, levels: Levels) -> Finding:
    stream, nothing = pause.stream, pause.stream not in figures.totals
    light = LIGHTS[levels.status(pause.whole_seconds if nothing else pause.seconds)]
    brief = f"no record of {stream} came" if nothing else f"nothing of {stream} came for {duration(pause.seconds)}"
    what = f"{brief[0].upper()}{brief[1:]}{', and still so at the end' if pause.open and not nothing else ''}."
    stopped = _stopped(figures.alerts, pause, levels.warn)
    if stopped:
        light, what = "look", f"{what} {', '.join(stopped)} was stopped by a person."
    return Finding(
        light, what, f"from {moment(pause.began_at)}", f"all sensors of {stream}",
        _start_again(stopped) if stopped else _SEE_WHAT_RUNS if pause.open else _SEE_WHAT_WAS_DOWN, "flow", brief,
    )  # fmt: skip


_SEE_WHAT_RUNS = (
    "No sensor's fault: see whether its producer and validator run (`iot-platform status`) and what fires "
    "(`iot-platform alerts list`)."
)
_SEE_WHAT_WAS_DOWN = "No sensor's fault: see what was down then (`iot-platform alerts list`)."


def _stopped(alerts: Iterable[Alert], pause: Pause, warn_seconds: float) -> list[str]:
    """The stream's processes that a person had stopped when the pause began to matter."""
    matters = pause.began_at + timedelta(seconds=warn_seconds)
    return [
        one.subject
        for one in alerts
        if one.signal == STREAM_STOPPED and one.stream == pause.stream and one.fired_at <= matters
        if one.resolved_at is None or one.resolved_at > pause.began_at
    ]


def _start_again(stopped: list[str]) -> str:
    return f"Nothing, if that was meant; else `iot-platform streams start {stopped[0]}`."


def lag(figures: Figures, levels: Mapping[str, Levels]) -> Iterator[Finding]:
    for lag in figures.lag:
        status = levels["lag"].status(lag.seconds)
        if status == "pass":
            continue
        over = levels["lag"].status(lag.seconds_at_end) == "pass"
        brief = f"{lag.consumer_group} was up to {duration(lag.seconds)} behind"
        yield Finding(
            "look" if over else LIGHTS[status],
            f"{brief}; {'that is over' if over else f'still {duration(lag.seconds_at_end)} at the end'}.",
            f"worst at {moment(lag.worst_at)}", lag.consumer_group,
            "Nothing, unless it comes again: then add validators." if over else
            "See whether that group runs (`iot-platform lag`); add validators.", "flow", brief,
        )  # fmt: skip


def alerts(figures: Figures, _levels: Mapping[str, Levels]) -> Iterator[Finding]:
    """Those of level error that fired at the end of the period, whatever the figures say."""
    until = figures.period.until
    firing = [
        one for one in figures.alerts if one.level == "error" and not (one.resolved_at and one.resolved_at < until)
    ]
    if firing:
        brief = f"{count_of(len(firing), 'alert')} of level error {'fires' if len(firing) == 1 else 'fire'}"
        streams = sorted({one.stream or "the platform" for one in firing})
        yield Finding(
            "look", f"{brief}, at the end of the period: {listed([one.title for one in firing], len(firing))}.",
            since_text(min(one.fired_at for one in firing), figures.period), listed(streams, len(streams)),
            firing[0].what_to_do, "alerts", brief,
        )  # fmt: skip
