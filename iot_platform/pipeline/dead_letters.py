"""Dead letters as a person wants to see them, from the reader's copy."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iot_platform.contract.reasons import Code
from iot_platform.errors import UsageError
from iot_platform.pipeline.query import run_query
from iot_platform.settings import Settings

_COLUMNS = (
    "source_topic, source_partition, source_offset, sensor_id, codes, reasons::VARCHAR, attempts, rule_version, "
    "first_seen, accepted_at, key, value, headers::VARCHAR"
)


@dataclass(frozen=True)
class DeadLetter:
    source_topic: str
    source_partition: int
    source_offset: int
    sensor_id: str | None
    codes: list[str]
    reasons_json: str
    attempts: int
    rule_version: str
    first_seen: datetime
    accepted_at: datetime
    key: bytes | None
    value: bytes | None
    headers_json: str

    @property
    def source(self) -> str:
        return f"{self.source_topic}/{self.source_partition}/{self.source_offset}"

    @property
    def detail(self) -> str:
        reasons: list[dict[str, str]] = json.loads(self.reasons_json)
        return reasons[0]["detail"] if reasons else ""

    def as_document(self, *, whole: bool = False) -> dict[str, Any]:
        """For JSON. Bytes appear as text where they are UTF-8, and always as base64."""
        document: dict[str, Any] = {
            "source": self.source,
            "sensor_id": self.sensor_id,
            "reasons": json.loads(self.reasons_json),
            "attempts": self.attempts,
            "rule_version": self.rule_version,
            "first_seen": self.first_seen.isoformat(),
            "accepted_at": self.accepted_at.isoformat(),
        }
        if whole:
            document |= {
                "headers": json.loads(self.headers_json),
                "key": _text(self.key),
                "value": _text(self.value),
                "key_base64": _base64(self.key),
                "value_base64": _base64(self.value),
            }
        return document


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return repr(data)[2:-1]


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def find_dead_letters(
    settings: Settings, stream: str, *, reason: str | None, sensor: str | None, limit: int
) -> list[DeadLetter]:
    """The newest dead letters of a stream. Raises UsageError for a reason code that does not exist."""
    if reason is not None and reason not in set(Code):
        raise UsageError(f"There is no reason code '{reason}'.", next_step=f"There are: {', '.join(Code)}.")
    sql = (
        f"SELECT {_COLUMNS} FROM dead_letters WHERE stream = $stream "  # noqa: S608 - constants of this file
        "AND ($reason IS NULL OR list_contains(codes, $reason)) AND ($sensor IS NULL OR sensor_id = $sensor) "
        "ORDER BY accepted_at DESC, partition, kafka_offset DESC"
    )
    result = run_query(settings, sql, limit, {"stream": stream, "reason": reason, "sensor": sensor})
    return [DeadLetter(*row) for row in result.rows]


def show_dead_letters(settings: Settings, source: str) -> list[DeadLetter]:
    """Every attempt of the record that came from `source` (topic/partition/offset)."""
    parts = source.rsplit("/", 2)
    if len(parts) != 3 or not all(part.isdigit() for part in parts[1:]):
        raise UsageError(
            f"'{source}' is not topic/partition/offset.", next_step="Take one from `iot-platform dlq list`."
        )
    sql = (
        f"SELECT {_COLUMNS} FROM dead_letters WHERE source_topic = $topic AND source_partition = $partition "  # noqa: S608
        "AND source_offset = $offset ORDER BY attempts"
    )
    named = {"topic": parts[0], "partition": int(parts[1]), "offset": int(parts[2])}
    return [DeadLetter(*row) for row in run_query(settings, sql, 100, named).rows]
