"""broker, doctor, reset: the machine below."""

from __future__ import annotations

import shutil
from typing import Annotated, Any

import typer

from iot_platform.broker.node import LocalBroker, local_brokers
from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.errors import AlreadyRunningError, UsageError
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from iot_platform.supervision import brokers, operations
from iot_platform.supervision.supervisor import Supervisor

broker = typer.Typer(help="The Apache Kafka of our own on this machine.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(broker, name="broker")
    app.command()(doctor)
    app.command()(reset)


def _tell(text: str) -> None:
    err.print(text, soft_wrap=True)


NumberOption = Annotated[int | None, typer.Option("--number", min=1, help="One broker alone.")]


@broker.command("start")
def broker_start(number: NumberOption = None) -> None:
    """Start our brokers alone, or one of them, and leave them running."""
    settings = prepared_settings()
    brokers.start_broker(settings, number, _tell)
    if number is None:
        _tell(f"Kafka serves at {settings.bootstrap_servers}. Stop it with `iot-platform broker stop`.")


@broker.command("stop")
def broker_stop(number: NumberOption = None) -> None:
    """Stop our brokers, and what stands on them; or one of them, and nothing else."""
    settings = prepared_settings()
    if number is not None:
        brokers.stop_broker(settings, number, _tell)
    elif any(one.pid for one in brokers.broker_facts(settings)) and operations.down(settings, _tell):
        _tell("Stopped.")
    else:
        _tell("Our broker does not run. Start it with `iot-platform broker start`.")


@broker.command("status")
def broker_status(as_json: JsonOption = False) -> None:
    """Whether Kafka serves; exit code 3 when it does not."""
    settings = prepared_settings()
    facts = brokers.broker_facts(settings)
    document: dict[str, Any] = {
        "servers": settings.bootstrap_servers,
        "own": settings.own_broker,
        "pid": facts[0].pid if facts else None,
        "reachable": brokers.can_serve(facts) and is_reachable(Clients(settings)),
        "log": str(facts[0].log) if facts else None,
    }
    if as_json:
        print_json({**document, "brokers": [vars(one) for one in facts]})
    else:
        for name, value in document.items():
            out.print(f"{name:10} {'-' if value is None else value}", soft_wrap=True)
        if len(facts) > 1:
            rows = [[one.name, one.server, str(one.pid or "-"), one.up, str(one.log)] for one in facts]
            out.print(table("Brokers", ["broker", "server", "pid", "up", "log"], rows, whole=["broker", "server"]))
        if not document["reachable"]:
            _tell("Start it with `iot-platform broker start`, or everything with `iot-platform up`.")
    if not document["reachable"]:
        raise typer.Exit(3)


@broker.command("run", hidden=True)
def broker_run(number: Annotated[int, typer.Option("--number", min=1, max=3)] = 1) -> None:
    """Become a broker; for the supervisor."""
    LocalBroker(prepared_settings(), number).exec_foreground()


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
    pid = next(filter(None, [Supervisor(settings).pid(), *(node.pid() for node in local_brokers(settings))]), None)
    if pid is not None:
        raise AlreadyRunningError(
            f"The platform still runs here (process {pid}).", next_step="Run `iot-platform down` first."
        )
    if settings.state_dir.exists():
        shutil.rmtree(settings.state_dir)
    _tell(f"Removed {settings.state_dir}.")
    if not settings.own_broker:
        _tell(f"The topics on {settings.bootstrap_servers} are as they were; remove them there if you want to.")
