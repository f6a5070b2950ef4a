"""plan: what so many sensors would take, from measured rates."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from iot_platform.cli.common import DEFAULT_STREAM, JsonOption, StreamOption, err, prepared_settings, print_json
from iot_platform.clock import Clock, SystemClock
from iot_platform.planning.files import EXAMPLE, Found, case_of, from_pairs, from_settings, read_prices, read_rates
from iot_platform.planning.inputs import Origin
from iot_platform.planning.plan import plan_of
from iot_platform.planning.saving import as_found, rates_file
from iot_platform.planning.text import plan_document, plan_text

_NOTHING = Found({}, {})


class Store(StrEnum):
    MEMORY = "memory"
    ROCKSDB = "rocksdb"


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    devices: Annotated[float, typer.Option(help="Sensors that send.")],
    rate: Annotated[float, typer.Option(help="Readings of one sensor a second; 0.1 = each ten seconds.")] = 1.0,
    stream: StreamOption = DEFAULT_STREAM,
    partitions: Annotated[int | None, typer.Option(min=1, help="Not as many as it takes, but so many.")] = None,
    dedup: Annotated[Store | None, typer.Option(help="Where accepted ids are kept; else as in the settings.")] = None,
    changed: Annotated[list[str] | None, typer.Option("--set", help="Any number: NAME=VALUE. May be repeated.")] = None,
    rates: Annotated[Path | None, typer.Option(help="A file of rates, as --save writes one.")] = None,
    prices: Annotated[str | None, typer.Option(help=f"A file of prices, or '{EXAMPLE}' for the one shipped.")] = None,
    measure: Annotated[bool, typer.Option("--measure", help="First measure the rates here.")] = False,
    seconds: Annotated[float, typer.Option(min=5, help="For --measure: how long each of two runs lasts.")] = 30.0,
    save: Annotated[Path | None, typer.Option(help="For --measure: keep the rates in this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What so many sensors take: partitions, processes, brokers, disk, network, memory; and what would not hold."""
    settings = prepared_settings()
    found = from_settings(settings, stream).over(read_rates(rates))
    if measure:
        found = _measured(settings.cache_dir, SystemClock(), seconds, save).over(found)
    priced, currency = read_prices(prices) if prices else (_NOTHING, "")
    found = priced.over(found)
    found = _given("--devices and --rate", devices=devices, readings_each_per_second=rate).over(found)
    if partitions:
        found = _given("--partitions", partitions=partitions).over(found)
    if dedup:
        found = _given("--dedup", rocksdb=float(dedup is Store.ROCKSDB)).over(found)
    made = plan_of(case_of(from_pairs(changed or []).over(found), currency))
    if as_json:
        print_json(plan_document(made))
    else:
        typer.echo(plan_text(made), nl=False)


def _given(where: str, **values: float) -> Found:
    return Found(values, dict.fromkeys(values, Origin("given", where)))


def _measured(cache_dir: Path, clock: Clock, seconds: float, save: Path | None) -> Found:
    from iot_platform.planning.measure import Trial, machine, measure  # noqa: PLC0415 - starts no Kafka unasked

    err.print(
        f"Measuring takes {2 * seconds / 60:.0f} to {2 * seconds / 60 + 4:.0f} minutes, on a Kafka of its own in a "
        "temporary directory. What else the machine does makes rates worse than they are.",
        soft_wrap=True,
    )
    rates = measure(
        cache_dir, clock, Trial(seconds=seconds), lambda text: err.print(text, markup=False, soft_wrap=True)
    )
    told = (clock.now().date(), f"iot-platform plan --measure --seconds {seconds:g}", machine())
    if save:
        save.write_text(rates_file(rates, *told), encoding="utf-8")
        err.print(f"The rates are in {save}.", soft_wrap=True)
    return as_found(rates, *told)
