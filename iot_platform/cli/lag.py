"""lag: how far each consumer group is behind, what its course says, and in words."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer
from rich.table import Table

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import UsageError
from iot_platform.pipeline.lag import LagReport, watch_lag
from iot_platform.settings import Settings
from iot_platform.supervision.paused import pause_document
from iot_platform.watch.lag.rows import group_document
from iot_platform.watch.lag.verdict import GroupLag

_COLUMNS = ["topic", "partition", "messages", "seconds", "in/s", "out/s", "status"]


def register(app: typer.Typer) -> None:
    app.command()(lag)


def lag(
    group: Annotated[str | None, typer.Option("--group", help="Only this group; * and ? stand for any.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Each partition of other groups of the cluster too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """How far each consumer group is behind, in messages and in seconds, and how it goes on, by partition."""
    settings, clock = prepared_settings(), SystemClock()
    report = watch_lag(settings, clock)
    shown = _shown(report, group, everyone=everyone)
    pauses = _pauses(settings, report, clock)
    if as_json:
        documents = [group_document(one, own=one.group in report.own) for one in shown]
        print_json({"paused": pauses, "groups": documents, "unanswered": list(report.unanswered)})
        return
    for one in shown:
        out.print(lag_table(one))
        out.print(one.text, soft_wrap=True)
    others = [one for one in report.groups if one not in shown] if group is None else []
    if others:
        rows = [[one.group, one.messages, one.seconds, str(one.status)] for one in others]
        out.print(table("Other groups", ["group", "messages", "seconds", "status"], rows, whole=["group"]))
        err.print("--all shows their partitions, --group those of one.")
    for pause in pauses.values():
        err.print(pause["text"], soft_wrap=True)
    if report.unanswered:
        err.print(f"Kafka did not tell of {', '.join(report.unanswered)}.", soft_wrap=True)


def _shown(report: LagReport, pattern: str | None, *, everyone: bool) -> list[GroupLag]:
    """Ours, all, or those that the pattern names. UsageError when it names none."""
    if pattern is None:
        return [one for one in report.groups if everyone or one.group in report.own]
    named = [one for one in report.groups if fnmatchcase(one.group, pattern)]
    if not named:
        known = ", ".join(one.group for one in report.groups)
        raise UsageError(
            f"There is no consumer group '{pattern}' among those that are watched.",
            next_step=f"There are: {known}. The setting lag.groups says which are watched.",
        )
    return named


def _pauses(settings: Settings, report: LagReport, clock: SystemClock) -> dict[str, Any]:
    left_of = {one.group: one.retention_left_seconds for one in report.groups}
    pauses = {
        stream: pause_document(settings, stream, clock, left_of.get(Topology(stream).validator_group))
        for stream in settings.streams
    }
    return {stream: pause for stream, pause in pauses.items() if pause}


def lag_table(one: GroupLag) -> Table:
    """One group by partition."""
    rows: list[list[Any]] = [
        [
            part.topic, part.partition, part.messages, part.behind.seconds, part.rates.inflow, part.rates.outflow,
            str(part.status),
        ]
        for part in one.partitions
    ]  # fmt: skip
    return table(f"Lag of {one.group} ({one.status})", _COLUMNS, rows, whole=["topic", "status"])
