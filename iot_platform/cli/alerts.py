"""alerts: what fires, what was told and to whom, and whether the channels work."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from iot_platform.cli.common import (
    JsonOption,
    SupervisedOption,
    err,
    out,
    prepared_settings,
    print_json,
    stop_for,
    table,
)
from iot_platform.clock import SystemClock
from iot_platform.errors import SettingsError, UsageError
from iot_platform.lifecycle import Heartbeat, lease
from iot_platform.pipeline.firing import evaluated_at, firing_alerts
from iot_platform.watch.alerts.silences import ANY_SUBJECT, EVERY_RULE, Silence
from iot_platform.watch.alerts.texts import runbook_of

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
RuleArgument = Annotated[str, typer.Argument(help="A rule's name, as `alerts list --json` gives it; * means all.")]
SubjectOption = Annotated[str, typer.Option(help="Only this subject, such as iot_data; without it all.")]

alerts = typer.Typer(help="What fires, and who was told.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(alerts, name="alerts")


@alerts.command("list")
def alerts_list(
    limit: Annotated[int, typer.Option(min=0, help="How many of the last notices to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """What fires now, and the last notices with what became of each."""
    from iot_platform.pipeline.alerting import recent  # noqa: PLC0415 - DuckDB takes half a second

    settings = prepared_settings()
    at, firing, notices = evaluated_at(settings), firing_alerts(settings), recent(settings, limit)
    if as_json:
        print_json({"evaluated_at": at.isoformat() if at else None, "firing": firing, "notices": notices})
        return
    for alert in firing:
        out.print(f"{alert['level']}: {alert['text']}", style="red", soft_wrap=True)
        out.print(f"  since {alert['since']}. {alert['what_to_do']}", soft_wrap=True)
        for line in _beside(alert, settings.alerts.runbooks):
            out.print(f"  {line}", soft_wrap=True)
    if at is None:
        out.print("Alerts were never evaluated here: `iot-platform up` starts what does it.")
    elif not firing:
        out.print(f"Nothing fires, as of {at:%Y-%m-%d %H:%M:%S} UTC.")
    if notices:
        rows = [[row["at"][:19], row["text"], row["outcome"].replace("_", " "), row["detail"]] for row in notices]
        out.print(table("Told", ["at (UTC)", "notice", "outcome", "why"], rows))


def _beside(alert: Mapping[str, Any], runbooks: str) -> Iterator[str]:
    """What else there is to say of one that fires."""
    if alert.get("also"):
        yield f"Also: {'; '.join(alert['also'])}."
    if alert.get("within"):
        yield f"Told within: {alert['within']}."
    yield from (str(alert[name]) for name in ("silenced", "acknowledged") if alert.get(name))
    if page := runbook_of(alert.get("runbook") or "", runbooks):
        yield f"Runbook: {page}"


@alerts.command("history")
def alerts_history(
    days: Annotated[float, typer.Option(min=0, help="How far back.")] = 7,
    limit: Annotated[int, typer.Option(min=1, help="How many incidents at most.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Incidents that fired, the last first: when, for how long, what followed from them."""
    from iot_platform.pipeline.silencing import history  # noqa: PLC0415

    rows = history(prepared_settings(), SystemClock().now() - timedelta(days=days), limit)
    if as_json:
        print_json({"incidents": rows})
        return
    shown = [
        [
            f"{row['fired_at']:%Y-%m-%d %H:%M:%S}",
            f"{row['resolved_at']:%Y-%m-%d %H:%M:%S}" if row["resolved_at"] else "it fires",
            row["level"],
            f"{row['title']}: {row['text']}" + (f" (also: {'; '.join(row['also'])})" if row["also"] else ""),
        ]
        for row in rows
    ]
    out.print(table("Incidents", ["fired (UTC)", "over", "level", "what"], shown) if rows else "Nothing fired.")


@alerts.command("ack")
def alerts_ack(
    rule: RuleArgument,
    note: Annotated[str, typer.Option(help="What you do about it.")] = "",
    subject: SubjectOption = ANY_SUBJECT,
) -> None:
    """Say that you look after what fires: it is shown so, and reminded of no more until it is over."""
    from iot_platform.pipeline.silencing import acknowledge  # noqa: PLC0415

    words = f"{getpass.getuser()} looks after it since {SystemClock().now():%Y-%m-%d %H:%M} UTC"
    count = acknowledge(prepared_settings(), rule, subject, f"{words}: {note}" if note else f"{words}.")
    if not count:
        raise UsageError(f"Nothing of {rule} fires.", next_step="`iot-platform alerts list` shows what does.")
    err.print(f"Noted on {count} {'alert' if count == 1 else 'alerts'}; no more reminders.")


@alerts.command("silence")
def alerts_silence(
    rule: RuleArgument,
    lasts: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")],
    because: Annotated[str, typer.Option(help="Why; whoever looks at the alerts reads it.")],
    subject: SubjectOption = ANY_SUBJECT,
) -> None:
    """Send nothing of a rule for a time. It is kept and shown; what still fires afterwards is sent then."""
    from iot_platform.pipeline.silencing import silence  # noqa: PLC0415

    now = SystemClock().now()
    made = Silence(rule, subject, now, now + _lasting(lasts), getpass.getuser(), because)
    silence(prepared_settings(), made)
    err.print(f"{_named(made)}: {made.sentence}", soft_wrap=True)


@alerts.command("unsilence")
def alerts_unsilence(rule: RuleArgument, subject: SubjectOption = ANY_SUBJECT) -> None:
    """End a silence before its time."""
    from iot_platform.pipeline.silencing import end_silence  # noqa: PLC0415

    ended = end_silence(prepared_settings(), rule, subject, SystemClock().now())
    err.print("It is told again." if ended else "There was no such silence: see `iot-platform alerts silences`.")


@alerts.command("silences")
def alerts_silences(as_json: JsonOption = False) -> None:
    """What is silenced now, until when, by whom and why."""
    from iot_platform.pipeline.silencing import active_silences  # noqa: PLC0415

    found = active_silences(prepared_settings(), SystemClock().now())
    if as_json:
        print_json({"silences": [vars(one) for one in found]})
        return
    for one in found:
        out.print(f"{_named(one)}: {one.sentence}", soft_wrap=True)
    if not found:
        out.print("Nothing is silenced.")


def _named(silence: Silence) -> str:
    what = "every rule" if silence.rule == EVERY_RULE else silence.rule
    return f"{what} of {silence.subject}" if silence.subject else what


def _lasting(text: str) -> timedelta:
    """30m, 2h, 1d: a whole number and a unit."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text.strip())
    if match is None:
        raise UsageError(f"'{text}' is no time.", next_step="Give minutes, hours or days: 30m, 2h, 1d.")
    return int(match[1]) * _UNITS[match[2]]


@alerts.command("watch")
def alerts_watch(
    once: Annotated[bool, typer.Option("--once", help="Look and evaluate once, then end.")] = False,
    supervised: SupervisedOption = False,
) -> None:
    """Evaluate the alerts outside of Dagster, until stopped; `up` runs it."""
    from iot_platform.supervision.watcher import Watcher  # noqa: PLC0415

    settings, clock = prepared_settings(), SystemClock()
    watcher = Watcher(settings, clock, Heartbeat(settings.heartbeat_dir / "watcher.json", clock))
    if once:
        firing = watcher.once().firing
        err.print(f"{len(firing)} alerts fire; see `iot-platform alerts list`." if firing else "No alert fires.")
        return
    with lease(settings.lease_dir / "watcher.lock", "The watcher"):
        watcher.run(stop_for(supervised))


@alerts.command("test")
def alerts_test(as_json: JsonOption = False) -> None:
    """Send a test message to every channel; exit code 1 when one does not take it."""
    from iot_platform.pipeline.alerting import try_channels  # noqa: PLC0415

    settings = prepared_settings()
    if not settings.alerts.channels:
        raise SettingsError(
            "No channel is configured.",
            next_step="Set alerts.channels in iot.toml to Apprise URLs, or IOT_ALERTS__CHANNELS to one as JSON.",
        )
    tried = try_channels(settings, SystemClock())
    if as_json:
        print_json({"channels": tried})
    for channel in () if as_json else tried:
        err.print(
            f"Channel {channel['channel']} ({channel['scheme']}) took it." if channel["sent"] else channel["detail"],
            style=None if channel["sent"] else "red",
            markup=False,
            soft_wrap=True,
        )
    if not all(channel["sent"] for channel in tried):
        raise typer.Exit(1)
