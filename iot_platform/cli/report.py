"""report: is the data good, what is wrong, since when, where, and what to do."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json
from iot_platform.clock import SystemClock
from iot_platform.errors import SettingsError
from iot_platform.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    day: Annotated[str | None, typer.Option(help="2026-07-01, today or yesterday (UTC); yesterday by default.")] = None,
    week: Annotated[bool, typer.Option("--week", help="The seven days that end with the day.")] = False,
    stream: Annotated[str | None, typer.Option(help="Only this stream.")] = None,
    target: Annotated[Path | None, typer.Option("--out", help="Write the page here, not into the archive.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    send: Annotated[bool, typer.Option("--send", help="Send the summary to the alert channels.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the quality report of a day or a week; exit code 1 when it finds something to look at."""
    from iot_platform.report.make import choose_period, make_report  # noqa: PLC0415 - DuckDB takes half a second

    settings, clock = prepared_settings(), SystemClock()
    if send and not settings.alerts.channels:
        raise SettingsError(
            "No channel is configured, so the report can be sent nowhere.",
            next_step="Set alerts.channels in iot.toml to Apprise URLs, or leave out --send.",
        )
    period = choose_period(settings, day, week=week, now=clock.now())
    made = make_report(settings, clock, period, stream=stream, out=target.absolute() if target else None)
    sent = _send(settings, made) if send else {}
    if as_json:
        print_json(_document(made, sent))
    else:
        _tell(made)
    if show:
        webbrowser.open(made.html.as_uri())
    if made.verdict.light != "good" or not all(one["sent"] for one in sent.values()):
        raise typer.Exit(1)


def _send(settings: Settings, made: Any) -> dict[str, dict[str, Any]]:
    from iot_platform.report.make import send_report  # noqa: PLC0415

    outcomes = send_report(settings, made)
    for channel, outcome in outcomes.items():
        err.print(f"{channel} took it." if outcome.sent else outcome.detail, soft_wrap=True)
    return {channel: {"sent": outcome.sent, "detail": outcome.detail} for channel, outcome in outcomes.items()}


def _tell(made: Any) -> None:
    verdict = made.verdict
    out.print(f"{verdict.word}: {verdict.sentence}", soft_wrap=True)
    for finding in verdict.findings:
        since = f" {finding.since[:1].upper()}{finding.since[1:]}." if finding.since else ""
        out.print(f"- {finding.what}{since} {finding.what_to_do}", soft_wrap=True)
    if verdict.note:
        out.print(verdict.note, soft_wrap=True)
    out.print(str(made.html), soft_wrap=True)


def _document(made: Any, sent: dict[str, dict[str, Any]]) -> dict[str, Any]:
    period, verdict, totals = made.figures.period, made.verdict, made.figures.all_streams
    return {
        "html": str(made.html),
        "markdown": str(made.markdown),
        "first_day": str(period.first_day),
        "last_day": str(period.last_day),
        "until": period.until.isoformat(),
        "streams": list(made.figures.streams),
        "verdict": {"light": verdict.light, "text": verdict.sentence, "note": verdict.note},
        "findings": [
            {
                "light": one.light,
                "text": one.what,
                "since": one.since,
                "where": one.where,
                "what_to_do": one.what_to_do,
            }
            for one in verdict.findings
        ],
        "score": totals.score if totals else None,
        "records": totals.records if totals else 0,
        "dead": totals.dead if totals else 0,
        "sensors": totals.sensors if totals else 0,
        "silent": made.figures.silent_total,
        "sent": sent,
    }
