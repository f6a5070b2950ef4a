"""streams: which stream processes should run; and, hidden, Dagster's own processes."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import UsageError
from iot_platform.settings import Settings
from iot_platform.stream import pauses
from iot_platform.supervision.dagster_home import DagsterProcess, exec_foreground
from iot_platform.supervision.orchestrated import running_slots
from iot_platform.supervision.scaled import scaling_document, scaling_text, want
from iot_platform.supervision.scaling import policy_of
from iot_platform.supervision.slots import Desired, Draining, all_slots, change_desired, find_slot, read_desired

streams = typer.Typer(help="Which producers and validators should run.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(help="As `streams list` gives it, such as validator-iot_data-0.")]


def register(app: typer.Typer) -> None:
    app.add_typer(streams, name="streams")
    app.command("dagster", hidden=True)(dagster)


def dagster(process: Annotated[DagsterProcess, typer.Argument()]) -> None:
    """Become one of Dagster's processes; for the supervisor."""
    exec_foreground(prepared_settings(), process)


def _settings() -> Settings:
    settings = prepared_settings()
    if not settings.dagster.enabled:
        raise UsageError(
            "Without Dagster the supervisor runs the streams.",
            next_step="Change streams.<name>.validators and IOT_FLEET__ENABLED, then run `iot-platform up` again.",
        )
    return settings


@streams.command("list")
def streams_list(as_json: JsonOption = False) -> None:
    """What should run, what runs, and what a person stopped."""
    settings = _settings()
    desired, running = read_desired(settings), set(running_slots(settings))
    found = [
        {
            "name": slot.name,
            "stream": slot.stream,
            "wanted": desired.lets_run(slot),
            "running": slot in running,
            "held": desired.held[slot.name].why if slot.name in desired.held else None,
        }
        for slot in all_slots(settings, desired)
    ]
    if as_json:
        scaling = {stream: scaling_text(settings, desired, stream) for stream in settings.streams}
        print_json({"draining": desired.draining.value, "streams": found, "scaling": scaling})
        return
    out.print(table("Streams", ["name", "stream", "wanted", "running", "off because"], [[*f.values()] for f in found]))
    if desired.draining is not Draining.NOTHING:
        err.print("All is drained; `iot-platform up` starts the streams again.")
    elif desired.held:
        err.print("`iot-platform streams start NAME` starts what was stopped.")
    for stream in settings.streams:
        if told := scaling_text(settings, desired, stream):
            err.print(f"{stream}: {told}", soft_wrap=True)


@streams.command("stop")
def streams_stop(name: NameArgument) -> None:
    """Stop one stream process, between two transactions, and keep it off."""
    settings = _settings()
    slot = find_slot(settings, name)
    why = "stopped by `iot-platform streams stop`"
    change_desired(settings, partial(Desired.hold, slot=slot, why=why, now=SystemClock().now()))
    err.print(f"{name} stops within seconds and stays off until `iot-platform streams start {name}`.", soft_wrap=True)


@streams.command("start")
def streams_start(name: NameArgument) -> None:
    """Let one stream process run again that was stopped here or terminated in the UI."""
    settings = _settings()
    slot = find_slot(settings, name)
    change_desired(settings, partial(Desired.release, slot=slot, now=SystemClock().now()))
    err.print(f"{name} starts within half a minute, while the platform is up.", soft_wrap=True)


@streams.command("scale")
def streams_scale(
    stream: Annotated[str, typer.Argument(help="The stream's name, such as iot_data.")],
    validators: Annotated[int | None, typer.Argument(min=0, help="So many, whatever the lag.")] = None,
    auto: Annotated[bool, typer.Option("--auto", help="Let the settings and the lag decide again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """How many validators a stream has, why, and what changed; with a number or --auto: how many it is to have."""
    settings, now = _settings(), SystemClock().now()
    options = settings.stream(stream)
    if validators is not None and auto:
        raise UsageError("A number and --auto contradict each other.", next_step="Give one of them.")
    if validators is not None and validators > options.partitions:
        raise UsageError(
            f"{validators} validators for {options.partitions} partitions: the rest would have nothing to do.",
            next_step=f"{options.partitions} are the most (streams.{stream}.partitions).",
        )
    if validators is not None or auto:
        want(settings, stream, validators, policy_of(settings), now)
    found = scaling_document(settings, read_desired(settings), stream)
    if as_json:
        print_json(found)
        return
    rows = [[one["at"][:19], one["before"], one["after"], one["who"], one["why"]] for one in found["changes"][-10:]]
    if rows:
        out.print(table(f"Validators of {stream}", ["at (UTC)", "before", "after", "who", "why"], rows))
    not_scaled = f"{found['wanted']}, as streams.{stream}.validators says; with validators_most they follow the lag."
    out.print(found["text"] or not_scaled, soft_wrap=True)


StreamArgument = Annotated[str, typer.Argument(help="The stream's name, such as iot_data.")]


@streams.command("pause")
def streams_pause(stream: StreamArgument) -> None:
    """Let a stream's validators stand still until it is resumed. Raw readings wait in Kafka."""
    settings, clock = prepared_settings(), SystemClock()
    settings.stream(stream)
    pause = pauses.Pause(clock.now().isoformat(), "by `iot-platform streams pause`")
    held = pauses.pause(settings, stream, pause)
    err.print(pauses.told(stream, held, None), soft_wrap=True)


@streams.command("resume")
def streams_resume(stream: StreamArgument) -> None:
    """Let a paused stream go on. The overflow guard lets all through until the share of dead records is low again."""
    settings = prepared_settings()
    settings.stream(stream)
    there = pauses.resume(settings, stream, SystemClock().now())
    told = f"Stream {stream} goes on within a second." if there else f"Stream {stream} was not paused."
    err.print(told, soft_wrap=True)


@streams.command("abort-hanging")
def streams_abort_hanging(stream: StreamArgument) -> None:
    """Abort transactions on a stream's outputs that Kafka has lost track of: they would hold back every reader."""
    from iot_platform.broker.hanging import abort, find_hanging, hanging_after_minutes  # noqa: PLC0415 - jars are checked, Java is started

    settings = prepared_settings()
    settings.stream(stream)
    topology, count = Topology(stream), 0
    for topic in (topology.ledger, topology.validated, topology.dead_letters):
        for hanging in find_hanging(settings, topic):
            abort(settings, hanging)
            err.print(f"Aborted: {hanging}.", soft_wrap=True)
            count += 1
    if not count:
        err.print(
            f"None hangs. One counts as hanging after {hanging_after_minutes(settings)} min, when Kafka's coordinator "
            "does not know it; what a validator has just begun ends by itself.",
            soft_wrap=True,
        )
