"""Figures about what is loaded, read in the same connection that loaded it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import duckdb


def read_totals(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Readings, dead letters by reason and what is known of each stream, from small tables only."""
    streams: dict[str, dict[str, Any]] = {}
    for stream, table, rows in connection.execute(
        "SELECT stream, table_name, sum(row_count)::BIGINT FROM load_ranges GROUP BY ALL"
    ).fetchall():
        streams.setdefault(stream, {"readings": 0, "dead_letters": 0})[table] = rows
    by_reason: Counter[str] = Counter()
    for (reasons,) in connection.execute("SELECT by_reason FROM ledger WHERE dead > 0").fetchall():
        by_reason.update(json.loads(reasons))
    return {
        "readings": sum(counts["readings"] for counts in streams.values()),
        "dead_letters": {
            "total": sum(counts["dead_letters"] for counts in streams.values()),
            "by_reason": dict(by_reason),
        },
        "streams": streams,
    }
