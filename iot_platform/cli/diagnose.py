"""diagnose: why a stream lags, in words, with the evidence and what to do."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.clock import SystemClock

_PROCESSES = ["process", "per second", "CPU %", "waited %", "MB", "most of its time"]
_PERCENT = 100


def register(app: typer.Typer) -> None:
    app.command()(diagnose)


def diagnose(
    seconds: Annotated[float, typer.Option(min=2, help="How long everything is looked at.")] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Why does it lag? Looks at Kafka, processes, partitions and warehouse; exit code 1 when a cause is found."""
    from iot_platform.supervision import diagnosis  # noqa: PLC0415 - DuckDB takes half a second

    if not as_json:
        err.print(f"Looking for {seconds:g} s …")
    found = diagnosis.diagnose(prepared_settings(), SystemClock(), lambda: time.sleep(seconds))
    if as_json:
        print_json(found.as_document())
    else:
        _print(found.as_document())
    if found.verdicts:
        raise typer.Exit(1)


def _print(document: dict[str, Any]) -> None:
    out.print(table("Processes", _PROCESSES, [_row(one) for one in document["processes"]], whole=["process"]))
    trips = document["kafka"]["round_trips_ms"]
    machine = document["machine"]
    kafka = f"Kafka answers in {sorted(trips)[len(trips) // 2]:.1f} ms" if trips else "Kafka does not answer"
    out.print(f"{kafka}; {machine['cores']} cores, {_PERCENT * machine['busy']:.0f} % busy.")
    for number, verdict in enumerate(document["verdicts"], start=1):
        out.print(f"{number}. {verdict['text']}", style="bold", soft_wrap=True)
        for line in verdict["evidence"]:
            out.print(f"   {line}", soft_wrap=True)
        out.print(f"   What to do: {verdict['what_to_do']}", soft_wrap=True)
    if document["well"]:
        out.print(document["summary"], soft_wrap=True)


def _row(one: dict[str, Any]) -> list[Any]:
    def share(name: str) -> float | None:
        return None if one[name] is None else _PERCENT * one[name]

    stages = sorted(one["stages"].items(), key=lambda item: -item[1])[:2]
    most = ", ".join(f"{name} {_PERCENT * spent:.0f} %" for name, spent in stages)
    memory = None if one["memory_bytes"] is None else one["memory_bytes"] / 1e6
    return [
        one["name"] if one["alive"] else f"{one['name']} (off)",
        one["records"],
        share("cpu"),
        share("waited"),
        memory,
        most,
    ]
