"""Readings for tests: sound by default, each field at will."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any


def wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def document(**changes: Any) -> dict[str, Any]:
    """A sound reading, generated a second ago, with `changes`."""
    return {
        "message_id": str(uuid.uuid4()),
        "sensor_id": "sensor-1",
        "sensor_type": "temperature",
        "generated_at": wire_time(datetime.now(UTC) - timedelta(seconds=1)),
        "value": 21.5,
        "unit": "Cel",
        "location": "hall-1",
        "battery_level": 80.0,
        "signal_strength": -60,
        "schema_version": 1,
        **changes,
    }


def encoded(**changes: Any) -> bytes:
    return json.dumps(document(**changes)).encode()
