"""The entry point: one Typer application, its exit codes, and where each command lives."""

from __future__ import annotations

import errno
import faulthandler
import logging
import signal
import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from iot_platform.cli import (
    alerts,
    cluster,
    diagnose,
    dlq,
    drills,
    health,
    inspection,
    installation,
    lag,
    maintenance,
    orchestration,
    plan,
    report,
    spool,
    streams,
)
from iot_platform.errors import PlatformError, UnavailableError

_INTERRUPTED = 130
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

app = typer.Typer(
    name="iot-platform",
    help="Exactly-once ingestion, validation and accounting for fleets of IoT sensors.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
installation.register(app)
streams.register(app)
orchestration.register(app)
inspection.register(app)
lag.register(app)
cluster.register(app)
diagnose.register(app)
dlq.register(app)
health.register(app)
spool.register(app)
alerts.register(app)
report.register(app)
maintenance.register(app)
drills.register(app)
plan.register(app)


def main() -> None:
    """Run a command. Exit codes: 0 good, 1 a finding, 2 usage, 3 something needed is not there."""
    faulthandler.enable()  # a crash in a C library then says where we were
    faulthandler.register(signal.SIGUSR1)  # and so does a process that seems to be stuck, asked by kill -USR1
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        app()
    except PlatformError as error:
        _leave(error)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        _leave(UnavailableError(f"The disk is full: {error}.", next_step="Free some room, then run this again."))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _leave(error: PlatformError) -> NoReturn:
    console = Console(stderr=True, highlight=False)
    console.print(f"[red]error:[/red] {escape(error.message)}", soft_wrap=True)
    if error.next_step:
        console.print(error.next_step, soft_wrap=True, markup=False)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
