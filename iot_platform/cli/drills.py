"""drill: break something on purpose, in an installation of its own, and be told what becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json
from iot_platform.clock import SystemClock
from iot_platform.drills.drill import Drill, Outcome

drill = typer.Typer(
    help="Break something on purpose, beside what runs, and see what becomes of it.", no_args_is_help=True
)

RateOption = Annotated[float, typer.Option(min=1, help="Readings a second.")]
PhaseOption = Annotated[float, typer.Option("--seconds", min=1, help="How long each phase is looked at.")]
KeepOption = Annotated[bool, typer.Option("--keep", help="Leave the drill's directory with its data and logs.")]


def register(app: typer.Typer) -> None:
    app.add_typer(drill, name="drill")


@drill.callback()
def _drill() -> None:
    """Keep `drill` a group of commands, also while it has one."""


@drill.command("broker-crash")
def broker_crash(
    rate: RateOption = 200.0, seconds: PhaseOption = 10.0, keep: KeepOption = False, as_json: JsonOption = False
) -> None:
    """Three brokers: kill one, then a second, bring both back; exit code 1 unless each reading arrived once."""
    from iot_platform.drills import broker_crash as crash  # noqa: PLC0415 - DuckDB takes half a second

    made, cache_dir = _begun(crash.NAME)
    with _errors_alone():  # that a killed broker does not answer, the drill tells
        outcome = crash.run(made, crash.CrashPlan(rate, seconds, keep), cache_dir)
    _show(outcome, as_json)


@drill.command("nulls")
def nulls(
    rate: RateOption = 50.0, seconds: PhaseOption = 10.0, keep: KeepOption = False, as_json: JsonOption = False
) -> None:
    """Half of the fields go missing in some sensors: is it told within a minute, with its cause, and over after it?"""
    from iot_platform.drills import nulls as drill_of_nulls  # noqa: PLC0415 - DuckDB takes half a second

    made, cache_dir = _begun(drill_of_nulls.NAME)
    _show(drill_of_nulls.run(made, drill_of_nulls.NullsPlan(rate, seconds, keep), cache_dir), as_json)


@drill.command("morning")
def morning(
    rate: Annotated[float, typer.Option(min=1, max=100, help="Readings a second.")] = 10.0,
    hours: Annotated[float, typer.Option(min=2, max=20, help="How long the night before the morning was.")] = 2.0,
    keep: KeepOption = False,
    as_json: JsonOption = False,
) -> None:
    """A night of a fleet in trouble, a year of a real device: is each cause named, and mended what can be?"""
    from iot_platform.drills import morning as drill_of_a_morning  # noqa: PLC0415 - DuckDB takes half a second

    made, cache_dir = _begun(drill_of_a_morning.NAME)
    _show(drill_of_a_morning.run(made, drill_of_a_morning.MorningPlan(rate, hours, keep), cache_dir), as_json)


@drill.command("lag")
def lag(
    rate: Annotated[
        float, typer.Option(min=260, max=450, help="Readings a second; a slow validator takes 250.")
    ] = 300.0,
    seconds: PhaseOption = 5.0,
    plot: Annotated[Path | None, typer.Option(help="Write the picture there, as SVG.")] = None,
    keep: KeepOption = False,
    as_json: JsonOption = False,
) -> None:
    """A validator becomes slow: lag, its alert, a second one by itself, no lag; mended, one again. With a plot."""
    from iot_platform.drills import lag as drill_of_lag  # noqa: PLC0415 - DuckDB takes half a second

    made, cache_dir = _begun(drill_of_lag.NAME)
    with _errors_alone():
        outcome = drill_of_lag.run(made, drill_of_lag.LagPlan(rate, seconds, plot, keep), cache_dir)
    _show(outcome, as_json)


@drill.command("runbooks")
def runbooks(
    rate: Annotated[float, typer.Option(min=1, max=100, help="Readings a second.")] = 20.0,
    keep: KeepOption = False,
    as_json: JsonOption = False,
) -> None:
    """Every command of every runbook page, where sensors are in trouble and a broker is gone: does each answer?"""
    from iot_platform.drills import runbooks as drill_of_pages  # noqa: PLC0415 - DuckDB takes half a second

    made, cache_dir = _begun(drill_of_pages.NAME)
    with _errors_alone():
        outcome = drill_of_pages.run(made, drill_of_pages.RunbooksPlan(rate, keep), cache_dir)
    _show(outcome, as_json)


def _begun(name: str) -> tuple[Drill, Path]:
    """A drill that tells its steps on standard error, and where Kafka's jars are."""
    made = Drill(name, lambda text: err.print(text, markup=False, soft_wrap=True), SystemClock())
    return made, prepared_settings().cache_dir


@contextmanager
def _errors_alone() -> Iterator[None]:
    """Our log without warnings."""
    ours = logging.getLogger("iot_platform")
    before = ours.level
    ours.setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.setLevel(before)


def _show(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        print_json(outcome.as_document())
    else:
        failed = [claim.text for claim in outcome.claims if not claim.held]
        verdict = f"{len(failed)} of {len(outcome.claims)} claims did not hold" if failed else "every claim held"
        out.print(f"Drill {outcome.drill}: {verdict}; {outcome.seconds:.0f} s.", soft_wrap=True)
    if not outcome.held:
        raise typer.Exit(1)
