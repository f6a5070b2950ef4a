"""The reading, version 1: its fields, their JSON types and fixed bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from iot_platform.contract.catalogue import NULL_CHOICES

Kind = Literal["string", "number", "integer"]

NEWEST_VERSION = 1
"""The newest `schema_version` this platform knows; the oldest is 1."""

MAX_DEPTH = 64
"""Levels of nesting in a record; the record itself is the first."""


@dataclass(frozen=True)
class Field:
    """One field of the reading. `minimum` and `maximum` bound numbers; those of `value` come from the catalogue.

    `pattern` is a regular expression over the whole string that means the same to Python, Rust and readers;
    `longest` is in characters.
    """

    name: str
    kind: Kind
    pattern: str = ""
    longest: int = 0
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""

    @property
    def critical(self) -> bool:
        """Null is dead, whatever the catalogue says."""
        return self.name not in NULL_CHOICES


UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
SENSOR_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,128}$"
TIMESTAMP_PATTERN = (
    r"^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
    r"-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
)
"""Year 0000 is none (RFC 3339 has it, no calendar does); seconds end at 59, so a leap second does not match."""

FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("message_id", "string", pattern=UUID_PATTERN),
        Field("sensor_id", "string", pattern=SENSOR_ID_PATTERN),
        Field("sensor_type", "string"),
        Field("generated_at", "string", pattern=TIMESTAMP_PATTERN),
        Field("value", "number"),
        Field("unit", "string"),
        Field("location", "string", longest=256),
        Field("battery_level", "number", minimum=0, maximum=100, unit="%"),
        Field("signal_strength", "number", minimum=-150, maximum=0, unit="dBm"),
        Field("schema_version", "integer"),
    )
}


@dataclass(frozen=True)
class Freshness:
    """How old or how far ahead a reading may be when it is accepted, in seconds; None: no limit."""

    max_age_seconds: float | None
    max_ahead_seconds: float | None
