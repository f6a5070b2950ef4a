"""cluster: brokers, partitions, topics, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import typer

from iot_platform.cli.common import JsonOption, err, out, prepared_settings, print_json, table
from iot_platform.clock import SystemClock, duration
from iot_platform.pipeline.cluster import ClusterReport, cluster_document, watch_cluster
from iot_platform.watch.cluster.judging import TopicFigures

_COLUMNS = ["topic", "partitions", "replicas", "offsets", "in/s", "MB", "kept", "grows to (MB)"]


def register(app: typer.Typer) -> None:
    app.command()(cluster)


def cluster(as_json: JsonOption = False) -> None:
    """Brokers, replicas, open transactions, size and rate of topics; exit code 1 when something is wrong."""
    report = watch_cluster(prepared_settings(), SystemClock())
    if as_json:
        print_json(cluster_document(report))
    else:
        _print(report)
    if report.findings:
        raise typer.Exit(1)


def _print(report: ClusterReport) -> None:
    brokers = [[number, server] for number, server in sorted(report.state.brokers.items())]
    out.print(table("Brokers that answer", ["broker", "server"], brokers, whole=["server"]))
    out.print(table("Topics", _COLUMNS, [_row(topic) for topic in report.topics], whole=["topic"]))
    for finding in report.findings:
        err.print(f"! {finding.text}", style="red", soft_wrap=True)
    if not report.findings:
        err.print("Every partition has a leader and all its replicas.")


def _row(topic: TopicFigures) -> list[Any]:
    return [
        topic.topic, topic.partitions, topic.replicas, topic.offsets, topic.inflow,
        None if topic.bytes is None else topic.bytes / 1e6,
        "for ever" if topic.kept_seconds is None else duration(topic.kept_seconds),
        None if topic.grows_to_bytes is None else topic.grows_to_bytes / 1e6,
    ]  # fmt: skip
