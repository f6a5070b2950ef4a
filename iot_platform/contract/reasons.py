"""Why a record is dead: the closed list of reason codes."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    # decoding: one, the first that applies
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    NOT_OBJECT = "not_object"
    # schema
    NULL_CRITICAL = "null_critical"
    TYPE = "type"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_SENSOR_TYPE = "unknown_sensor_type"
    # format
    FORMAT = "format"
    KEY_MISMATCH = "key_mismatch"
    # range
    RANGE = "range"
    UNIT = "unit"
    # freshness
    TOO_OLD = "too_old"
    FROM_FUTURE = "from_future"
    # identity
    CONFLICT = "conflict"
    # output
    OUTPUT_TOO_LARGE = "output_too_large"
    UNPROCESSABLE = "unprocessable"


class Reason(NamedTuple):
    """One rule that a record breaks; `field` is empty where the record as a whole is meant."""

    code: Code
    field: str
    detail: str
