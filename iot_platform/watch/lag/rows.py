"""A verdict as a JSON object."""

from __future__ import annotations

from typing import Any

from iot_platform.watch.lag.verdict import GroupLag, PartitionLag


def group_document(one: GroupLag, *, own: bool) -> dict[str, Any]:
    """One group, as `lag --json` prints it; seconds and rates are rounded, what is not known is null."""
    return {
        "group": one.group,
        "own": own,
        "state": one.state,
        "status": str(one.status),
        "complete": one.complete,
        "text": one.text,
        "messages": one.messages,
        "seconds": rounded(one.seconds),
        "inflow": rounded(one.rates.inflow),
        "outflow": rounded(one.rates.outflow),
        "catch_up_seconds": rounded(one.catch_up_seconds),
        "retention_left_seconds": rounded(one.retention_left_seconds),
        "overtaken_seconds": rounded(one.overtaken_seconds),
        "partitions": [partition_document(part) for part in one.partitions],
    }


def partition_document(part: PartitionLag) -> dict[str, Any]:
    look = part.course.now
    return {
        "topic": part.topic,
        "partition": part.partition,
        "committed": look.committed,
        "end": look.end,
        "high": look.high,
        "messages": part.messages,
        "seconds": rounded(part.behind.seconds),
        "seconds_from": part.behind.origin,
        "inflow": rounded(part.rates.inflow),
        "outflow": rounded(part.rates.outflow),
        "catch_up_seconds": rounded(part.catch_up_seconds),
        "retention_left_seconds": rounded(part.retention_left_seconds),
        "overtaken_seconds": rounded(part.overtaken_seconds),
        "status": str(part.status),
        "complete": part.complete,
        "findings": [finding.code for finding in part.findings],
        "text": part.text,
    }


def rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)
