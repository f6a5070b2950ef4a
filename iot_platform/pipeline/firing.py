"""What fires now, in a file that anybody may read: it opens no database and blocks nobody."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from iot_platform.lifecycle import write_atomically
from iot_platform.settings import Settings
from iot_platform.watch.alerts.lifecycle import Incident
from iot_platform.watch.alerts.shown import firing_row

SENSOR = "watch"
"""Dagster's sensor, which sees everything but whether Dagster itself works."""
WATCHER = "watcher"
"""The process outside of Dagster."""


def firing_alerts(settings: Settings) -> list[dict[str, Any]]:
    """What fires, as the last evaluation left it: one `firing_row` an incident."""
    firing: list[dict[str, Any]] = _read(settings)["firing"]
    return firing


def evaluated_at(settings: Settings, by: str = "") -> datetime | None:
    """When the last evaluation was, by anybody or by one of the evaluators; None before the first. What `firing_alerts`
    says is as old as that."""
    document = _read(settings)
    at = document.get("by", {}).get(by) if by else document["at"]
    return datetime.fromisoformat(at) if at else None


def write_firing(settings: Settings, firing: Iterable[Incident], now: datetime, by: str) -> None:
    """Under the lease of the evaluations."""
    rows = [firing_row(incident) for incident in firing]
    each = {**_read(settings).get("by", {}), by: now.isoformat()}
    write_atomically(_path(settings), json.dumps({"at": now.isoformat(), "by": each, "firing": rows}))


def _path(settings: Settings) -> Path:
    return settings.alert_book_path.with_name("firing.json")


def _read(settings: Settings) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(_path(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"at": None, "firing": []}
    return document
