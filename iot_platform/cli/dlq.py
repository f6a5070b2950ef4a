"""dlq: look into the dead letters, fix them by patches, send them again, park them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.text import Text

from iot_platform.cli.common import (
    JsonOption,
    err,
    out,
    prepared_settings,
    print_json,
    stop_for,
    table,
)
from iot_platform.cli.dead_letter_filter import Filter, filtered
from iot_platform.clock import SystemClock
from iot_platform.errors import UsageError
from iot_platform.report.texts import visible
from iot_platform.settings import Settings

dlq = typer.Typer(help="Look into the dead letters, fix and send them again, or park them.", no_args_is_help=True)

StatusOption = Annotated[list[str] | None, typer.Option("--status", help="Only with this status; may be repeated.")]
SourcesArgument = Annotated[list[str] | None, typer.Argument(help="topic/partition/offset, as `dlq list` gives it.")]
RateOption = Annotated[float | None, typer.Option("--rate", min=0.1, help="Records a second; default dlq.rate.")]
MostOption = Annotated[int | None, typer.Option("--limit", min=1, help="At most this many, the oldest first.")]
ParkedOption = Annotated[bool, typer.Option("--parked", help="Also what is parked.")]
AllOption = Annotated[bool, typer.Option("--all", help="All that the other options leave.")]
WhyOption = Annotated[str, typer.Option("--why", help="A word for those who ask later.")]

_LATER = " `iot-platform dlq list` shows it after the next load."
"""It reads the readers' copy, which waits for nobody."""


def register(app: typer.Typer) -> None:
    app.add_typer(dlq, name="dlq")


@dlq.command("list")
@filtered
def dlq_list(
    chosen: Filter,
    status: StatusOption = None,
    limit: Annotated[int, typer.Option(min=0, help="Show at most this many records, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Dead letters: how many by reason and status with what to do, then the newest."""
    from iot_platform.quality.advice import ADVICE  # noqa: PLC0415 - DuckDB takes half a second
    from iot_platform.workbench.letters import Asked, count_letters, newest_letters  # noqa: PLC0415

    settings = prepared_settings()
    asked = Asked(chosen.stream, chosen.when, chosen.since, chosen.until, tuple(status or ()))
    counts, found = count_letters(settings, asked), newest_letters(settings, asked, limit)
    if as_json:
        print_json({"counts": counts, "dead_letters": [letter.as_document() for letter in found]})
        return
    if not counts:
        err.print("There are none like that.")
        return
    rows = [[row["code"], row["status"], row["dead_letters"], row["sensors"], ADVICE[row["code"]]] for row in counts]
    out.print(table("By reason", ["reason", "status", "dead letters", "sensors", "what to do"], rows, whole=["reason"]))
    newest = [
        [letter.source, letter.sensor_id, letter.status, ", ".join(letter.codes), letter.detail, letter.attempts]
        for letter in found
    ]
    columns = ["source", "sensor", "status", "reasons", "first detail", "attempts"]
    out.print(table("The newest", columns, newest, whole=["source"]))
    err.print("`iot-platform dlq show SOURCE` shows one with its bytes; `iot-platform dlq fix PATCH` tries a patch.")


@dlq.command("show")
def dlq_show(
    source: Annotated[str, typer.Argument(help="topic/partition/offset, as `dlq list` gives it.")],
    as_json: JsonOption = False,
) -> None:
    """One dead letter whole: its reasons and where they are in its bytes, its headers, what became of it."""
    from iot_platform.workbench.letters import letter_from  # noqa: PLC0415

    document = letter_from(prepared_settings(), source).as_document(whole=True)
    if as_json:
        print_json({"dead_letters": [document]})
        return
    for name, value in document.items():
        if name == "marks":
            for mark in value:
                where = f"  at byte {mark['byte']}: {visible(mark['excerpt'])}"
                out.print(Text.assemble((mark["code"], "bold"), where), soft_wrap=True)
        elif value is not None:
            text = json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, list | dict) else str(value)
            out.print(Text.assemble((name, "bold"), "  ", visible(text)), soft_wrap=True)


@dlq.command("fix")
@filtered
def dlq_fix(  # noqa: PLR0913, PLR0917 - one parameter an option of the command
    chosen: Filter,
    patch: Annotated[str, typer.Argument(help="A patch in dlq.patches_dir by its name, or the path of a TOML file.")],
    sources: SourcesArgument = None,
    samples: Annotated[int, typer.Option(min=0, help="Show what it changes in this many records.")] = 5,
    apply: Annotated[bool, typer.Option("--apply", help="Patch and send them again; without it nothing is.")] = False,
    parked: ParkedOption = False,
    rate: RateOption = None,
    limit: MostOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a patch on the dead letters it is for and show what it would do; with --apply, send them patched."""
    from iot_platform.workbench.files import load_patch  # noqa: PLC0415
    from iot_platform.workbench.jobs import Job  # noqa: PLC0415
    from iot_platform.workbench.trying import try_patch  # noqa: PLC0415

    settings = prepared_settings()
    made = load_patch(settings, patch)
    asked = _asked(settings, chosen, sources, everything=True)
    asked = replace(asked, when=made.when.narrowed(asked.when))
    job = Job(asked, made, parked=parked, most=limit, rate=rate or settings.dlq.rate)
    if apply:
        _redrive(settings, job, as_json)
        return
    trial = try_patch(settings, job, samples, SystemClock().now())
    if as_json:
        print_json(trial.as_document())
        return
    _show(trial)


@dlq.command("redrive")
@filtered
def dlq_redrive(
    chosen: Filter,
    sources: SourcesArgument = None,
    everything: AllOption = False,
    parked: ParkedOption = False,
    rate: RateOption = None,
    limit: MostOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters again as they were: after a mended rule or catalogue. Interrupted, run it again."""
    from iot_platform.workbench.jobs import Job  # noqa: PLC0415 - DuckDB takes half a second

    settings = prepared_settings()
    asked = _asked(settings, chosen, sources, everything)
    _redrive(settings, Job(asked, parked=parked, most=limit, rate=rate or settings.dlq.rate), as_json)


@dlq.command("park")
@filtered
def dlq_park(
    chosen: Filter,
    sources: SourcesArgument = None,
    everything: AllOption = False,
    release: Annotated[bool, typer.Option("--release", help="Let parked ones be sent again.")] = False,
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Park dead letters: they are not sent again, unless with --parked; --release undoes it."""
    from iot_platform.workbench import parking  # noqa: PLC0415

    settings = prepared_settings()
    asked = _asked(settings, chosen, sources, everything)
    count = (parking.release if release else parking.park)(settings, asked, why, SystemClock())
    if as_json:
        print_json({"released" if release else "parked": count})
    else:
        err.print(f"{count:,} {'released' if release else 'parked'}.{_LATER if count else ''}", soft_wrap=True)


def _show(trial: Any) -> None:
    """What a patch would do."""
    for sample in trial.samples:
        out.print(f"{sample.source}", soft_wrap=True)
        for change in sample.changes:
            out.print(f"  - {change.field}: {_cell(change.before)}", style="red", soft_wrap=True)
            out.print(f"  + {change.field}: {_cell(change.after)}", style="green", soft_wrap=True)
        if sample.still:
            out.print(f"  still dead: {visible(sample.still)}", soft_wrap=True)
    for why, count in [*trial.dead_because.most_common(5), *trial.unrecoverable_because.most_common(5)]:
        out.print(f"{count:,} not mended: {visible(why)}", soft_wrap=True)
    err.print(trial.sentence + ("; --apply sends them." if trial.matched else "."), soft_wrap=True)


def _redrive(settings: Settings, job: Any, as_json: bool) -> None:
    from iot_platform.workbench.redriving import Redriven, redrive  # noqa: PLC0415 - DuckDB takes half a second

    def tell(so_far: Redriven) -> None:
        if not as_json:
            err.print(f"{so_far.sent:,} sent, {so_far.left:,} to go.")

    result = redrive(settings, job, clock=SystemClock(), stop=stop_for(False), tell=tell)
    if as_json:
        print_json(vars(result))
        return
    for why, count in result.why.most_common(5):
        err.print(f"{count:,} cannot be patched: {why}", soft_wrap=True)
    err.print(result.sentence, soft_wrap=True)
    err.print("`iot-platform dlq list` says what became of them, once they are validated and loaded.", soft_wrap=True)


def _asked(settings: Settings, chosen: Filter, sources: list[str] | None, everything: bool) -> Any:
    """What the options of redrive and park ask for; nothing at all is not taken for everything."""
    from iot_platform.workbench.letters import Asked, source_of  # noqa: PLC0415

    if chosen.takes_all and not (sources or everything):
        raise UsageError("Nothing says which dead letters.", next_step="Name sources, or a filter, or --all.")
    places = [source_of(source, settings) for source in sources or ()]
    streams = {name for name, _ in places} or {chosen.stream}
    if len(streams) > 1:
        raise UsageError("The sources are of several streams.", next_step="Name those of one stream at a time.")
    offsets = tuple(place for _, place in places)
    return Asked(streams.pop(), chosen.when, chosen.since, chosen.until, sources=offsets)


def _cell(text: str | None) -> str:
    return "(absent)" if text is None else visible(text)
