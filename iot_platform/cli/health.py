"""health: is each stream process alive and well?"""

from __future__ import annotations

from typing import Annotated

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json
from iot_platform.clock import SystemClock
from iot_platform.supervision.health import ProcessHealth, read_health


def register(app: typer.Typer) -> None:
    app.command()(health)


def health(
    name: Annotated[str | None, typer.Argument(help="One process, such as validator-iot_data-0.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Is each stream process alive and well? One line a process; exit code 1 when something is not as it should be."""
    found = read_health(prepared_settings(), SystemClock(), name)
    if as_json:
        print_json({"healthy": all(one.healthy for one in found), "processes": [one.as_document() for one in found]})
    else:
        for one in found:
            out.print(f"{one.name}: {in_words(one)}", soft_wrap=True)
        for step in dict.fromkeys(one.next_step for one in found if one.next_step):
            err.print(step, soft_wrap=True)
    if not all(one.healthy for one in found):
        raise typer.Exit(1)


def in_words(one: ProcessHealth) -> str:
    """One line on one process, in figures where it gave some."""
    if one.off:
        return f"off: {one.off}."
    if one.problems:
        return f"NOT WELL. {' '.join(one.problems)}"
    told = ["well"]
    if one.document is not None:
        told.append(f"{one.document['phase']} since {one.document['since']}")
        told += [text for text in (_spool(one), _partitions(one), _last(one)) if text]
    return f"{'; '.join(told)}."


def _spool(one: ProcessHealth) -> str:
    spool = (one.document or {}).get("spool")
    if not spool:
        return ""
    return f"{spool['readings']:,} readings in the spool, the oldest {spool['oldest_age_seconds']:.0f} s old"


def _partitions(one: ProcessHealth) -> str:
    partitions = (one.document or {}).get("partitions")
    return f"partitions {', '.join(map(str, partitions))}" if partitions else ""


def _last(one: ProcessHealth) -> str:
    document = one.document or {}
    for key, what in (("last_acknowledgement_age_seconds", "acknowledgement"), ("last_commit_age_seconds", "commit")):
        if document.get(key) is not None:
            return f"last {what} {document[key]:.0f} s ago"
    return ""
