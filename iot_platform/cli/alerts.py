"""alerts: what fires, what was told and to whom, and whether the channels work."""

from __future__ import annotations

from typing import Annotated

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.clock import SystemClock
from iot_platform.errors import SettingsError
from iot_platform.pipeline.firing import evaluated_at, firing_alerts

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
        out.print(f"{alert['level']}: {alert['text']}", style="red", markup=False, soft_wrap=True)
        out.print(f"  since {alert['since']}. {alert['what_to_do']}", markup=False, soft_wrap=True)
    if at is None:
        out.print("Alerts were never evaluated here: `iot-platform up` starts what does it.", markup=False)
    elif not firing:
        out.print(f"Nothing fires, as of {at:%Y-%m-%d %H:%M:%S} UTC.")
    if notices:
        rows = [[row["at"][:19], row["text"], row["outcome"].replace("_", " "), row["detail"]] for row in notices]
        out.print(table("Told", ["at (UTC)", "notice", "outcome", "why"], rows))


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
