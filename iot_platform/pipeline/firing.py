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


def firing_alerts(settings: Settings) -> list[dict[str, Any]]:
    """What fires, as the last evaluation left it: one `firing_row` an incident."""
    firing: list[dict[str, Any]] = _read(settings)["firing"]
    return firing


def evaluated_at(settings: Settings) -> datetime | None:
    """When the last evaluation was: what `firing_alerts` says is as old as that. None before the first."""
    at = _read(settings)["at"]
    return datetime.fromisoformat(at) if at else None


def write_firing(settings: Settings, firing: Iterable[Incident], now: datetime) -> None:
    rows = [firing_row(incident) for incident in firing]
    write_atomically(_path(settings), json.dumps({"at": now.isoformat(), "firing": rows}))


def _path(settings: Settings) -> Path:
    return settings.alert_book_path.with_name("firing.json")


def _read(settings: Settings) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(_path(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"at": None, "firing": []}
    return document
