"""produce, validate, load: the stages of the stream, in the foreground or supervised, by the same code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from iot_platform.cli.common import (
    DEFAULT_STREAM,
    CaughtUpOption,
    CountOption,
    JsonOption,
    SecondsOption,
    StreamOption,
    SupervisedOption,
    bounds,
    err,
    prepared_settings,
    print_json,
    stop_for,
)
from iot_platform.clock import SystemClock
from iot_platform.errors import UsageError
from iot_platform.health import serving
from iot_platform.lifecycle import Heartbeat, is_held
from iot_platform.settings import Settings
from iot_platform.stream.places import process_name, producer_lease


class SourceKind(StrEnum):
    FLEET = "fleet"
    FILE = "file"


def register(app: typer.Typer) -> None:
    app.command()(produce)
    app.command()(validate)
    app.command()(load)


def produce(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    source: Annotated[SourceKind, typer.Option(help="Where readings come from.")],
    stream: StreamOption = DEFAULT_STREAM,
    file: Annotated[Path | None, typer.Option(help="For --source file: CSV, Parquet or NDJSON.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="For --source file: what its columns mean (TOML).")] = None,
    slot: Annotated[int, typer.Option(min=0, help="For --source fleet: which of its fleet.producers.")] = 0,
    rate: Annotated[float | None, typer.Option(min=0.001, help="For --source fleet: messages a second.")] = None,
    journal: Annotated[Path | None, typer.Option(help="Keep the source's own list of what it gave here.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Then wait until all is loaded, and show it.")] = False,
    count: CountOption = None,
    seconds: SecondsOption = None,
    as_json: JsonOption = False,
    supervised: SupervisedOption = False,
) -> None:
    """Send readings into a stream: from the simulated fleet until stopped, or from a file to its end."""
    from iot_platform.stream.producer import Edges, run_fleet, run_producer  # noqa: PLC0415 - polars and numpy take a second

    settings = prepared_settings()
    if rate is not None:
        settings = settings.model_copy(update={"fleet": settings.fleet.model_copy(update={"rate": rate})})
    made = _make_source(settings, source, stream, file, mapping, slot, journal)
    with _beating(settings, process_name(stream, made.name), producer_lease(settings, stream, made.name)) as heartbeat:
        stop, bound = stop_for(supervised), bounds(count, seconds, False)
        if source is SourceKind.FLEET:
            result = run_fleet(settings, made, stream, Edges(SystemClock(), stop, heartbeat), bound)
        else:
            result = run_producer(settings, made, stream, stop=stop, bounds=bound, heartbeat=heartbeat)
    if as_json and not follow:
        print_json(result.__dict__)
        return
    err.print(
        f"{result.born:,} readings born, {result.acknowledged:,} acknowledged, {result.refused:,} refused, "
        f"{result.spooled:,} wait in the spool, {result.skipped:,} empty rows skipped; {result.seconds:.1f} s.",
        soft_wrap=True,
    )
    if result.kafka_away:
        err.print(
            f"Kafka does not answer at {settings.bootstrap_servers}: what waits is sent by the next run.",
            soft_wrap=True,
        )
    if follow:
        _follow(settings, stream, as_json)


@contextmanager
def _beating(settings: Settings, name: str, lease_path: Path) -> Iterator[Heartbeat]:
    """The heartbeat of the process `name`, which serves its health meanwhile; not where it runs already."""
    from iot_platform.stream.preflight import kafka_probe  # noqa: PLC0415

    clock = SystemClock()
    heartbeat = Heartbeat(settings.heartbeat_dir / f"{name}.json", clock)
    if is_held(lease_path):
        yield heartbeat
        return
    with serving(settings, name, heartbeat, clock, lambda: kafka_probe(settings)):
        yield heartbeat


def _make_source(
    settings: Settings,
    kind: SourceKind,
    stream: str,
    file: Path | None,
    mapping: Path | None,
    slot: int,
    journal: Path | None,
) -> Any:
    from iot_platform.stream.sources.journal import journal_of, journaled  # noqa: PLC0415 - polars and numpy take a second

    settings.stream(stream)
    if kind is SourceKind.FLEET:
        from iot_platform.stream.producer import check_part  # noqa: PLC0415
        from iot_platform.stream.sources.fleet import fleet_source  # noqa: PLC0415

        check_part(settings, slot)
        fleet = fleet_source(settings, stream, SystemClock(), slot)
        return journaled(fleet, journal or journal_of(settings.fleet.journal, slot))
    from iot_platform.stream.sources.files import FileSource  # noqa: PLC0415
    from iot_platform.stream.sources.mapping import load_mapping  # noqa: PLC0415

    if file is None:
        raise UsageError("--source file needs --file.", next_step="Add --file PATH (and --mapping PATH).")
    return journaled(FileSource(file, load_mapping(mapping) if mapping else None, stream, SystemClock()), journal)


def _follow(settings: Settings, stream: str, as_json: bool) -> None:
    from iot_platform.cli.inspection import show_audit  # noqa: PLC0415
    from iot_platform.pipeline.audit import audit  # noqa: PLC0415 - DuckDB is not needed to produce
    from iot_platform.supervision.progress import wait_until_loaded  # noqa: PLC0415

    wait_until_loaded(settings, stream, SystemClock(), lambda text: err.print(text, soft_wrap=True))
    show_audit(audit(settings, stream, SystemClock()), as_json)


def validate(
    stream: StreamOption = DEFAULT_STREAM,
    slot: Annotated[int, typer.Option(min=0, help="One validator a slot; slots share the partitions.")] = 0,
    count: CountOption = None,
    seconds: SecondsOption = None,
    until_caught_up: CaughtUpOption = False,
    as_json: JsonOption = False,
    supervised: SupervisedOption = False,
) -> None:
    """Validate a stream's raw readings, exactly once: valid ones on, others to the dead letters."""
    from iot_platform.stream.validator import run_validator  # noqa: PLC0415 - polars and pandera take a second

    settings = prepared_settings()
    settings.stream(stream)
    clock = SystemClock()
    name = f"validator-{stream}-{slot}"
    with _beating(settings, name, settings.lease_dir / f"{name}.lock") as heartbeat:
        validator = run_validator(
            settings,
            stream,
            slot,
            stop=stop_for(supervised),
            clock=clock,
            heartbeat=heartbeat,
            bounds=None if supervised else bounds(count, seconds, until_caught_up),
        )
    facts = validator.facts()
    if as_json:
        print_json(facts)
    else:
        err.print(
            f"{validator.totals.records:,} records: {facts['valid']:,} valid ({facts['repaired']:,} repaired), "
            f"{facts['dead']:,} dead, {facts['duplicates']:,} duplicates.",
            soft_wrap=True,
        )


def load(
    count: CountOption = None,
    seconds: SecondsOption = None,
    until_caught_up: CaughtUpOption = False,
    as_json: JsonOption = False,
    supervised: SupervisedOption = False,
) -> None:
    """Load validated readings, dead letters and the ledger into DuckDB, rows and offsets together."""
    from iot_platform.pipeline.loader import run_loader  # noqa: PLC0415 - DuckDB and Arrow take half a second

    settings = prepared_settings()
    clock = SystemClock()
    with _beating(settings, "loader", settings.lease_dir / "loader.lock") as heartbeat:
        result = run_loader(
            settings,
            clock=clock,
            stop=stop_for(supervised),
            bounds=bounds(count, seconds, until_caught_up),
            heartbeat=heartbeat,
        )
    if as_json:
        print_json(result.__dict__)
    else:
        err.print(f"{result.readings:,} readings and {result.dead_letters:,} dead letters loaded.", soft_wrap=True)
