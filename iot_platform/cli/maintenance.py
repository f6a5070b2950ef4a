"""broker, doctor, reset: the machine below."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from iot_platform.broker.node import LocalBroker
from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.errors import AlreadyRunningError, UsageError
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from iot_platform.supervision import operations
from iot_platform.supervision.supervisor import Supervisor

broker = typer.Typer(help="The Apache Kafka of our own on this machine.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(broker, name="broker")
    app.command()(doctor)
    app.command()(reset)


def _tell(text: str) -> None:
    err.print(text, markup=False, soft_wrap=True)


@broker.command("start")
def broker_start() -> None:
    """Start the broker alone, and leave it running."""
    settings = prepared_settings()
    operations.start_broker(settings, _tell)
    _tell(f"Kafka serves at {settings.bootstrap_servers}. Stop it with `iot-platform broker stop`.")


@broker.command("stop")
def broker_stop() -> None:
    """Stop the broker, and what stands on it."""
    if operations.stop_broker(prepared_settings(), _tell):
        _tell("Stopped.")
    else:
        _tell("Our broker does not run. Start it with `iot-platform broker start`.")


@broker.command("status")
def broker_status(as_json: JsonOption = False) -> None:
    """Whether Kafka serves; exit code 3 when it does not."""
    settings = prepared_settings()
    node = LocalBroker(settings)
    document = {
        "servers": settings.bootstrap_servers,
        "own": settings.own_broker,
        "pid": node.pid() if settings.own_broker else None,
        "reachable": is_reachable(Clients(settings)),
        "log": str(node.log_path) if settings.own_broker else None,
    }
    if as_json:
        print_json(document)
    else:
        for name, value in document.items():
            out.print(f"{name:10} {'-' if value is None else value}", soft_wrap=True)
        if not document["reachable"]:
            _tell("Start it with `iot-platform broker start`, or everything with `iot-platform up`.")
    if not document["reachable"]:
        raise typer.Exit(3)


@broker.command("run", hidden=True)
def broker_run() -> None:
    """Become the broker; for the supervisor."""
    LocalBroker(prepared_settings()).exec_foreground()


def doctor(as_json: JsonOption = False) -> None:
    """Check Python, disk, Java, Kafka's jars, ports and the network; exit code 3 when something is missing."""
    from iot_platform.supervision.doctor import examine  # noqa: PLC0415 - only this command needs it

    checks = examine(prepared_settings())
    if as_json:
        print_json({"checks": [vars(check) for check in checks]})
    else:
        words = {True: "good", False: "NOT GOOD", None: "-"}
        out.print(table("", ["check", "", "what was found"], [[c.name, words[c.ok], c.text] for c in checks]))
        for check in checks:
            if check.ok is False:
                _tell(f"{check.name}: {check.advice}")
    if any(check.ok is False for check in checks):
        raise typer.Exit(3)


def reset(yes: Annotated[bool, typer.Option("--yes", help="Really remove everything.")] = False) -> None:
    """Remove all state of this installation: Kafka's data, warehouse, spool, logs."""
    settings = prepared_settings()
    if not yes:
        raise UsageError(
            f"This removes everything in {settings.state_dir}: readings, dead letters, spool, Kafka's data.",
            next_step="Run `iot-platform reset --yes` if you mean it.",
        )
    pid = Supervisor(settings).pid() or LocalBroker(settings).pid()
    if pid is not None:
        raise AlreadyRunningError(
            f"The platform still runs here (process {pid}).", next_step="Run `iot-platform down` first."
        )
    if settings.state_dir.exists():
        shutil.rmtree(settings.state_dir)
    _tell(f"Removed {settings.state_dir}.")
    if not settings.own_broker:
        _tell(f"The topics on {settings.bootstrap_servers} are as they were; remove them there if you want to.")
