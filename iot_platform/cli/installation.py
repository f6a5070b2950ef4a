"""up, down, drain, status: the whole installation."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.clock import SystemClock
from iot_platform.settings import Settings
from iot_platform.supervision import operations
from iot_platform.supervision.dagster_home import ui_url
from iot_platform.supervision.status import read_status
from iot_platform.supervision.view import follow, render


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)
    app.command()(drain)
    app.command()(status)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once all runs, and leave it running.")] = False,
) -> None:
    """Start everything and show it live; Ctrl-C stops it all again."""
    settings = prepared_settings()
    started = time.monotonic()
    supervisor = operations.up(settings, _tell)
    _tell(f"Everything runs after {time.monotonic() - started:.0f} s.")
    _tell_where_to_look(settings)
    if detach:
        return
    try:
        follow(settings, SystemClock(), supervisor)
    except KeyboardInterrupt:
        _tell("")
    finally:
        operations.down(settings, _tell)
    _tell("Stopped. `make run` (or `iot-platform up`) goes on where it was.")


def _tell(text: str) -> None:
    err.print(text, soft_wrap=True)


def _tell_where_to_look(settings: Settings) -> None:
    if settings.dagster.enabled:
        _tell(f"  UI           {ui_url(settings)}  (streams start within half a minute, assets within two)")
    _tell("  figures      iot-platform status")
    _tell('  your data    iot-platform query "SELECT * FROM readings ORDER BY accepted_at DESC LIMIT 5"')
    _tell("  accounting   iot-platform audit")
    _tell(f"  logs         {settings.log_dir}")


def down() -> None:
    """Stop everything, in order."""
    settings = prepared_settings()
    if operations.down(settings, _tell):
        _tell("Stopped. `iot-platform up` goes on where it was.")
    else:
        _tell("Nothing runs here. Start it with `iot-platform up` (or `make run`).")


def drain(
    timeout: Annotated[float, typer.Option(help="Give up after this many seconds.")] = 300.0,
) -> None:
    """Stop the sources, work off what is under way, then stop the streams; the broker goes on."""
    settings = prepared_settings()
    operations.drain(settings, timeout, _tell)
    spooled = read_status(settings, SystemClock())["spool"]["readings"]
    if spooled:
        _tell(f"{spooled:,} readings wait in the spool for the next start of their source.")
    _tell("Drained. `iot-platform down` stops the broker too; then `iot-platform up` starts again.")


def status(as_json: JsonOption = False) -> None:
    """What runs, what has arrived, and how far behind it is."""
    settings = prepared_settings()
    document = read_status(settings, SystemClock())
    if as_json:
        print_json(document)
        return
    out.print(render(document, None))
    rows = [[p["name"], p["state"], str(p["pid"] or "-"), p["uptime_seconds"]] for p in document["processes"]]
    out.print(table("Processes", ["process", "state", "pid", "seconds up"], rows, whole=["process"]))
    if all(process["state"] == "STOPPED" for process in document["processes"]):
        _tell("Nothing runs here. Start it with `iot-platform up` (or `make run`).")
