"""Every rule about a decoded reading, once: a name, an expression that holds, and a sentence for when it does not.

From these rules `schemas.py` builds the Pandera schema; `fast.py` must never accept what they refuse.
The expressions read the frame that `frame.py` makes: per field a typed column and a column `<field>_kind`.
An absent or null field passes every rule but its own null rule, so that each mistake is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from iot_platform.contract.catalogue import Catalogue
from iot_platform.contract.reading import FIELDS, NEWEST_VERSION, Field, Freshness
from iot_platform.contract.reasons import Code

ACCEPTED_AT_MS = "accepted_at_ms"
KEY_STATE = "key_state"
GENERATED_AT_US = "generated_at_us"

_MICROS = 1_000_000
KINDS: Mapping[str, Sequence[str]] = {"string": ["string"], "number": ["number", "integer"], "integer": ["integer"]}


@dataclass(frozen=True)
class Rule:
    """`holds` is false exactly for the rows that break the rule; `tell` says so of one decoded document."""

    code: Code
    field: str
    holds: pl.Expr
    tell: Callable[[Mapping[str, Any]], str]

    @property
    def name(self) -> str:
        return f"{self.code.value}:{self.field}"


def build_rules(catalogue: Catalogue, freshness: Freshness) -> tuple[Rule, ...]:
    """All rules for one stream, in the order in which a record's reasons are listed."""
    return (
        *_null_rules(catalogue),
        *_type_rules(),
        *_vocabulary_rules(catalogue),
        *_format_rules(),
        *_range_rules(catalogue),
        _unit_rule(catalogue),
        *_freshness_rules(freshness),
    )


def _null_rules(catalogue: Catalogue) -> Iterator[Rule]:
    for field in FIELDS.values():
        if field.critical or catalogue.nulls.get(field.name) == "dead":
            yield Rule(
                Code.NULL_CRITICAL,
                field.name,
                _kind(field) != "null",
                lambda document, name=field.name: f"{name} is {'null' if name in document else 'missing'}",  # type: ignore[misc]
            )


def _type_rules() -> Iterator[Rule]:
    for field in FIELDS.values():
        yield Rule(
            Code.TYPE,
            field.name,
            _kind(field).is_in([*KINDS[field.kind], "null"]),
            lambda document, field=field: (
                f"{field.name} must be a JSON {field.kind}, not {shown(document[field.name])}"
            ),  # type: ignore[misc]
        )


def _vocabulary_rules(catalogue: Catalogue) -> Iterator[Rule]:
    names = sorted(catalogue.types)
    yield Rule(
        Code.UNKNOWN_SENSOR_TYPE,
        "sensor_type",
        _or_null(pl.col("sensor_type").is_in(names), "sensor_type"),
        lambda document: f"sensor_type {shown(document['sensor_type'])} is not in the catalogue",
    )
    yield Rule(
        Code.UNKNOWN_VERSION,
        "schema_version",
        _or_null(pl.col("schema_version").is_between(1, NEWEST_VERSION), "schema_version"),
        lambda document: (
            f"schema_version {shown(document['schema_version'])} is not known; the newest is {NEWEST_VERSION}"
        ),
    )


def _format_rules() -> Iterator[Rule]:
    for field in FIELDS.values():
        if field.pattern:
            holds = pl.col(field.name).str.contains(field.pattern)
            if field.name == "generated_at":  # the layout alone would let 30 February pass
                holds = holds & pl.col(GENERATED_AT_US).is_not_null()
            yield Rule(Code.FORMAT, field.name, _or_null(holds, field.name), _tell_format(field))
        elif field.longest:
            holds = pl.col(field.name).str.len_chars().is_between(1, field.longest)
            yield Rule(Code.FORMAT, field.name, _or_null(holds, field.name), _tell_format(field))
    yield Rule(
        Code.KEY_MISMATCH,
        "sensor_id",
        pl.col(KEY_STATE) == "match",
        lambda _document: "the record's key is missing or not its sensor_id",
    )


def _tell_format(field: Field) -> Callable[[Mapping[str, Any]], str]:
    wanted = {
        "message_id": "a UUID in lower case with hyphens",
        "sensor_id": "1 to 128 of A-Z a-z 0-9 . _ : -",
        "generated_at": "an existing moment as RFC 3339 in UTC with Z, up to microseconds",
    }.get(field.name, f"1 to {field.longest} characters")
    return lambda document: f"{field.name} {shown(document[field.name])} is not {wanted}"


def _range_rules(catalogue: Catalogue) -> Iterator[Rule]:
    low = pl.col("sensor_type").replace_strict(
        {name: kind.minimum for name, kind in catalogue.types.items()}, default=None, return_dtype=pl.Float64
    )
    high = pl.col("sensor_type").replace_strict(
        {name: kind.maximum for name, kind in catalogue.types.items()}, default=None, return_dtype=pl.Float64
    )
    value = pl.col("value")
    within = value.is_finite() & (value.is_between(low, high)).fill_null(value=True)
    yield Rule(Code.RANGE, "value", _or_null(within, "value"), _tell_value_range(catalogue))
    for field in FIELDS.values():
        if field.minimum is not None and field.maximum is not None:
            holds = pl.col(field.name).is_between(field.minimum, field.maximum)
            yield Rule(
                Code.RANGE,
                field.name,
                _or_null(holds, field.name),
                lambda document, field=field: (  # type: ignore[misc]
                    f"{field.name} {shown(document[field.name])} is outside {field.minimum:g} to {field.maximum:g} "
                    f"{field.unit}"
                ),
            )


def _tell_value_range(catalogue: Catalogue) -> Callable[[Mapping[str, Any]], str]:
    def tell(document: Mapping[str, Any]) -> str:
        sensor_type = document.get("sensor_type")
        kind = catalogue.types.get(sensor_type) if isinstance(sensor_type, str) else None
        if kind is None:
            return f"value {shown(document['value'])} is beyond a double"
        return (
            f"value {shown(document['value'])} is outside {kind.minimum:g} to {kind.maximum:g} {kind.unit} "
            f"of {kind.name}"
        )

    return tell


def _unit_rule(catalogue: Catalogue) -> Rule:
    units = {name: kind.unit for name, kind in catalogue.types.items()}
    expected = pl.col("sensor_type").replace_strict(units, default=None, return_dtype=pl.String)
    holds = (pl.col("unit") == expected).fill_null(value=True)

    def tell(document: Mapping[str, Any]) -> str:
        return f"unit {shown(document['unit'])} is not {units[document['sensor_type']]}, the unit of its sensor_type"

    return Rule(Code.UNIT, "unit", holds, tell)


def _freshness_rules(freshness: Freshness) -> Iterator[Rule]:
    generated = pl.col(GENERATED_AT_US)
    accepted = pl.col(ACCEPTED_AT_MS) * 1000
    if freshness.max_age_seconds is not None:
        oldest = accepted - round(freshness.max_age_seconds * _MICROS)
        yield Rule(
            Code.TOO_OLD,
            "generated_at",
            (generated >= oldest).fill_null(value=True),
            lambda document: (
                f"generated_at {document['generated_at']} is more than {freshness.max_age_seconds:g} s "
                "before the moment of acceptance"
            ),
        )
    if freshness.max_ahead_seconds is not None:
        newest = accepted + round(freshness.max_ahead_seconds * _MICROS)
        yield Rule(
            Code.FROM_FUTURE,
            "generated_at",
            (generated <= newest).fill_null(value=True),
            lambda document: (
                f"generated_at {document['generated_at']} is more than {freshness.max_ahead_seconds:g} s "
                "after the moment of acceptance"
            ),
        )


def _kind(field: Field) -> pl.Expr:
    return pl.col(f"{field.name}_kind")


def _or_null(holds: pl.Expr, column: str) -> pl.Expr:
    return holds.fill_null(value=False) | pl.col(column).is_null()


def shown(value: Any) -> str:
    """A value as a person reads it in a reason, cut to a sensible length."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
