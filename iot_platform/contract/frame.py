"""Decoded documents as a frame that the rules can judge: typed columns, and what JSON kind each value was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from iot_platform.contract.decode import Document
from iot_platform.contract.reading import FIELDS
from iot_platform.contract.rules import ACCEPTED_AT_MS, GENERATED_AT_US, KEY_STATE, KINDS

_FARTHEST_MS = 1 << 52
"""Beyond any calendar; a time stamp of Kafka may be any 64 bits, and in microseconds it must not overflow."""

_POLARS_TYPES = {"string": pl.String(), "number": pl.Float64(), "integer": pl.Float64()}


def kind_of(value: Any) -> str:
    """The JSON kind. JSON has one number type, so 1.0 is as much an integer as 1."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if not math.isfinite(value) or value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond a double
        return math.inf if value > 0 else -math.inf


def build_frame(
    documents: Sequence[Document], keys: Sequence[bytes | None], accepted_at_ms: Sequence[int]
) -> pl.DataFrame:
    """One row a document. A value of the wrong kind is null in its typed column; `<field>_kind` tells what it was."""
    columns: dict[str, pl.Series] = {}
    for field in FIELDS.values():
        values = [document.get(field.name) for document in documents]
        kinds = [kind_of(value) for value in values]
        wanted = KINDS[field.kind]
        typed: list[Any] = [
            (value if field.kind == "string" else _number(value)) if kind in wanted else None
            for value, kind in zip(values, kinds, strict=True)
        ]
        columns[field.name] = pl.Series(field.name, typed, dtype=_POLARS_TYPES[field.kind])
        columns[f"{field.name}_kind"] = pl.Series(f"{field.name}_kind", kinds, dtype=pl.String)
    columns[KEY_STATE] = pl.Series(KEY_STATE, list(map(_key_state, documents, keys)), dtype=pl.String)
    columns[ACCEPTED_AT_MS] = pl.Series(ACCEPTED_AT_MS, accepted_at_ms, dtype=pl.Int64).clip(
        -_FARTHEST_MS, _FARTHEST_MS
    )
    return pl.DataFrame(columns).with_columns(_moment(pl.col("generated_at")).alias(GENERATED_AT_US))


def _moment(text: pl.Expr) -> pl.Expr:
    """Microseconds since 1970; null for what is no moment, so that freshness judges no mistake of format again."""
    return (
        pl.when(text.str.contains(FIELDS["generated_at"].pattern))
        .then(text.str.strip_suffix("Z"))
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
        .dt.epoch("us")
    )


def _key_state(document: Document, key: bytes | None) -> str:
    if key is None:
        return "missing"
    sensor_id = document.get("sensor_id")
    if not isinstance(sensor_id, str):
        return "match"  # told once, by the null or type rule of sensor_id
    return "match" if sensor_id.encode("utf-8") == key else "mismatch"
