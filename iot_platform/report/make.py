"""Make a report: ask, judge, write, and where wanted send its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from iot_platform.clock import Clock
from iot_platform.pipeline.alerting import fired_between
from iot_platform.pipeline.query import open_copy
from iot_platform.quality.levels import load_levels
from iot_platform.report import archive, page
from iot_platform.report.figures import Figures
from iot_platform.report.finding import Light
from iot_platform.report.gather import gather
from iot_platform.report.period import Period, chosen
from iot_platform.report.verdict import Verdict, judge
from iot_platform.settings import Settings
from iot_platform.watch.alerts.sender import Outcome, channels_of, send
from iot_platform.watch.alerts.texts import Message, Mood

_MOODS: Mapping[Light, Mood] = {"good": "success", "look": "warning", "act": "failure"}


@dataclass(frozen=True)
class Report:
    """A report that was written: its figures, its verdict, its summary in Markdown, and where the page is."""

    figures: Figures
    verdict: Verdict
    summary: str
    html: Path
    markdown: Path


def choose_period(settings: Settings, day: str | None, *, week: bool, now: datetime) -> Period:
    """As `chosen`; without a day, an installation that has data of today only gets today."""
    period = chosen(day, week=week, now=now)
    if day is None:
        with open_copy(settings) as connection:
            row = connection.execute("SELECT min(day) FROM quality_trends").fetchone()
        if row and row[0] is not None and row[0] > period.last_day:
            return chosen("today", week=week, now=now)
    return period


def make_report(
    settings: Settings, clock: Clock, period: Period, *, stream: str | None = None, out: Path | None = None
) -> Report:
    """Ask the reader's copy, judge, and write the page and its summary; reports that are old go.

    Raises UnavailableError before the first publication, UsageError for a stream that there is not.
    """
    alerts = fired_between(settings, period.start, period.until)
    with open_copy(settings) as connection:
        figures = gather(connection, settings, period, stream, alerts)
    verdict = judge(figures, load_levels(settings.quality.levels))
    summary = page.summary(figures, verdict)
    name = f"{period.name}-{stream}" if stream else period.name
    kept = archive.keep(settings, name, page.html(figures, verdict, settings.instance), summary, out)
    archive.remove_old(settings, clock.now())
    return Report(figures, verdict, summary, kept.html, kept.markdown)


def send_report(settings: Settings, report: Report) -> dict[str, Outcome]:
    """Send its summary, and the page with it, to every channel of alerts.channels; what became of it, by channel.

    Tried once. A channel that takes no files gets the summary alone.
    """
    message = message_of(report, settings.instance)
    channels = channels_of(settings.alerts.channels)
    outcomes = send(settings.alerts.channels, dict.fromkeys(channels, message))
    return {str(channel): outcome for channel, outcome in outcomes.items()}


def message_of(report: Report, instance: str) -> Message:
    """The verdict and its findings in plain text, and the page as a file."""
    verdict, period = report.verdict, report.figures.period
    findings = [
        " ".join(part for part in (f"- {one.what}", f"{one.since}." if one.since else "", one.what_to_do) if part)
        for one in verdict.findings
    ]
    where = f"The whole report: {report.html} (`{page.command(report.figures)}`).\n\nInstallation {instance}."
    body = "\n".join([verdict.sentence, *([verdict.note] if verdict.note else []), *findings, "", where])
    subject = f"[{verdict.word}] data quality, {period.title}"
    return Message(subject, body, _MOODS[verdict.light], attachment=str(report.html))
