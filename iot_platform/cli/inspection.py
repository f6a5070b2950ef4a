"""audit, query, topics: look, and change nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from iot_platform.cli.common import (
    DEFAULT_STREAM,
    JsonOption,
    StreamOption,
    err,
    out,
    prepared_settings,
    print_json,
    table,
)
from iot_platform.clock import SystemClock
from iot_platform.stream.clients import Clients

topics = typer.Typer(help="The streams' topics.", no_args_is_help=True)

_DAY_MS = 86_400_000


def register(app: typer.Typer) -> None:
    app.command()(audit)
    app.command()(query)
    app.add_typer(topics, name="topics")


def audit(stream: StreamOption = DEFAULT_STREAM, as_json: JsonOption = False) -> None:
    """Account for every reading, from the source to the row; exit code 1 when one is unaccounted for."""
    from iot_platform.pipeline.audit import audit as run_audit  # noqa: PLC0415 - DuckDB takes half a second

    settings = prepared_settings()
    settings.stream(stream)
    show_audit(run_audit(settings, stream, SystemClock()), as_json)


def show_audit(report: Any, as_json: bool) -> None:
    """Print an audit's report; leaves with exit code 1 when it has findings."""
    document: dict[str, Any] = report.as_document()
    if as_json:
        print_json(document)
    else:
        _print_audit(document)
    if document["unaccounted"] or document["findings"]:
        raise typer.Exit(1)


def _print_audit(document: dict[str, Any]) -> None:
    sources = [
        [name, *(counts[key] for key in ("born", "acknowledged", "spooled", "refused"))]
        for name, counts in document["sources"].items()
    ]
    if sources:
        out.print(table("Sources", ["source", "born", "acknowledged", "spooled", "refused"], sources))
    keys = ("raw", "valid", "dead", "duplicates", "in_flight", "unaccounted")
    out.print(table(f"Stream {document['stream']}", list(keys), [[document[key] for key in keys]]))
    loaded = document["loaded"]
    out.print(table("Warehouse", ["readings", "dead letters"], [[loaded["valid"], loaded["dead"]]]))
    for finding in document["findings"]:
        err.print(f"! {finding['text']} {finding.get('next_step', '')}".rstrip(), style="red", soft_wrap=True)
    if not document["findings"]:
        err.print("Every reading is accounted for.")


def query(
    sql: Annotated[str | None, typer.Argument(help="SQL, or the name of an example.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many rows.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Ask the reader's copy of the warehouse; blocks nobody. Without SQL: the example queries."""
    from iot_platform.pipeline.query import example_queries, run_query  # noqa: PLC0415

    if sql is None:
        for name, text in example_queries().items():
            out.print(Text.assemble((name, "bold"), "  ", text.splitlines()[0].lstrip("- ")))
        err.print('Run one with `iot-platform query NAME`, or any SQL with `iot-platform query "SELECT …"`.')
        return
    settings = prepared_settings()
    result = run_query(settings, example_queries().get(sql, sql), limit)
    if as_json:
        print_json({"columns": result.columns, "rows": [list(row) for row in result.rows]})
        return
    out.print(table("", result.columns, [[_cell(cell) for cell in row] for row in result.rows]))
    if result.truncated:
        err.print(f"Only the first {limit} rows are shown; --limit shows more.")


def _cell(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, int | float | str) else str(cell)


@topics.command("list")
def topics_list(as_json: JsonOption = False) -> None:
    """The topics of every stream as they are on the cluster."""
    from iot_platform.stream.topics import describe_topics  # noqa: PLC0415

    settings = prepared_settings()
    clients = Clients(settings)
    facts = [fact for stream in settings.streams for fact in describe_topics(clients, settings, stream)]
    if as_json:
        print_json({"topics": [vars(fact) for fact in facts]})
        return
    rows = [
        [fact.name, fact.partitions, fact.retention_ms / _DAY_MS, fact.max_message_bytes] if fact.exists
        else [fact.name, None, None, None]
        for fact in facts
    ]  # fmt: skip
    out.print(
        table("Topics", ["topic", "partitions", "retention (days)", "largest record (bytes)"], rows, whole=["topic"])
    )
    if not all(fact.exists for fact in facts):
        err.print("Those without figures are missing: `iot-platform topics create` makes them.")


@topics.command("create")
def topics_create() -> None:
    """Make the topics that are missing, and bring the settings of the others up to date."""
    from iot_platform.stream.topics import ensure_topics  # noqa: PLC0415

    settings = prepared_settings()
    clients = Clients(settings)
    for stream in settings.streams:
        ensure_topics(clients, settings, stream)
        err.print(f"Topics of stream {stream} are there.")
