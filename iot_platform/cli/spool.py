"""spool: what waits in the spools, and what was set aside because it is damaged."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.clock import SystemClock, unix_millis
from iot_platform.settings import Settings
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import (
    QuarantinedBatch,
    SourceAccount,
    find_quarantined,
    list_quarantined,
    read_accounts_there_are,
)

spool = typer.Typer(help="What waits in the spools, and what is damaged there.", no_args_is_help=True)
PlaceArgument = Annotated[str, typer.Argument(help="A damaged batch, as `spool list` names it: iot_data-fleet/17.")]


def register(app: typer.Typer) -> None:
    app.add_typer(spool, name="spool")


@spool.command("list")
def spool_list(as_json: JsonOption = False) -> None:
    """What waits in each spool and for how long, and the damaged batches that were set aside."""
    settings = prepared_settings()
    spools = _spools(settings)
    damaged = list_quarantined(settings.spool_dir)
    if as_json:
        print_json({"spools": spools, "quarantined": [_document(batch) for batch in damaged]})
        return
    columns = ["stream", "source", "waiting", "bytes", "oldest (s)", "refused", "quarantined"]
    out.print(table("Spools", columns, [list(one.values()) for one in spools]))
    if damaged:
        rows = [[batch.place, batch.readings, len(batch.block), batch.why] for batch in damaged]
        out.print(table("Quarantined", ["batch", "readings", "bytes", "why"], rows, whole=["batch"]))
        err.print("`iot-platform spool show BATCH` shows one, `spool export BATCH --to DIRECTORY` gets its bytes out.")


def _spools(settings: Settings) -> list[dict[str, Any]]:
    now_ms = unix_millis(SystemClock().now())
    found = []
    for stream in settings.streams:
        accounts, troubles = read_accounts_there_are(settings.spool_dir, stream)
        for trouble in troubles:
            err.print(str(trouble), style="red", soft_wrap=True)
        found += [_spool(stream, account, now_ms) for account in accounts]
    return found


def _spool(stream: str, account: SourceAccount, now_ms: int) -> dict[str, Any]:
    oldest = account.oldest_accepted_at_ms
    return {
        "stream": stream,
        "source": account.name,
        "waiting": account.spooled,
        "bytes": account.spooled_bytes,
        "oldest_age_seconds": 0 if oldest is None else (now_ms - oldest) // 1000,
        "refused": account.refused,
        "quarantined": account.quarantined,
    }


@spool.command("show")
def spool_show(place: PlaceArgument, as_json: JsonOption = False) -> None:
    """One damaged batch: why it was set aside, and the readings that can still be cut out of it."""
    batch = find_quarantined(prepared_settings().spool_dir, place)
    readable = batch.readable()
    if as_json:
        print_json({**_document(batch), "readable": [_reading(one) for one in readable]})
        return
    out.print(f"{batch.place}: {batch.why}", soft_wrap=True)
    out.print(
        f"{batch.readings:,} readings in {len(batch.block):,} bytes; stored CRC32 {batch.crc32:08x}, now "
        f"{batch.crc32_now:08x}. {len(readable):,} can be cut out; nothing vouches for their bytes.",
        soft_wrap=True,
    )
    for one in readable:
        out.print(f"  {one.key!r} {one.value!r}", soft_wrap=True)


@spool.command("export")
def spool_export(
    place: PlaceArgument,
    to: Annotated[Path, typer.Option(help="The directory to write into.", file_okay=False)] = Path(),
) -> None:
    """Write a damaged batch to files: its bytes as they are, and a line for each reading that is still JSON."""
    batch = find_quarantined(prepared_settings().spool_dir, place)
    to.mkdir(parents=True, exist_ok=True)
    raw, lines = (to / f"{batch.spool}-{batch.id}.{suffix}" for suffix in ("bin", "ndjson"))
    raw.write_bytes(batch.block)
    sound = [one.value for one in batch.readable() if one.value is not None and _is_line(one.value)]
    lines.write_bytes(b"".join(value + b"\n" for value in sound))
    err.print(f"{raw}: {len(batch.block):,} bytes, as they are in the spool.", soft_wrap=True)
    err.print(
        f"{lines}: {len(sound):,} of {batch.readings:,} readings. Look at them, then send them with "
        f"`iot-platform produce --source file --file {lines}`: what is sound is accepted, once.",
        soft_wrap=True,
    )


def _is_line(value: bytes) -> bool:
    try:
        return b"\n" not in value and isinstance(json.loads(value), dict)
    except ValueError:
        return False


def _document(batch: QuarantinedBatch) -> dict[str, Any]:
    return {
        "batch": batch.place,
        "readings": batch.readings,
        "bytes": len(batch.block),
        "crc32": batch.crc32,
        "crc32_now": batch.crc32_now,
        "why": batch.why,
    }


def _reading(one: Reading) -> dict[str, Any]:
    return {
        "key_base64": None if one.key is None else base64.b64encode(one.key).decode(),
        "value_base64": None if one.value is None else base64.b64encode(one.value).decode(),
        "accepted_at_ms": one.accepted_at_ms,
    }
