"""Patch the bytes of a dead letter: declared steps in, bytes and a list of what changed out. Pure.

The steps change the text where they must; every other byte stays as the sensor sent it (`splice.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from iot_platform.contract import units
from iot_platform.contract.decode import Document, decode
from iot_platform.contract.patches import AnyStep, Cast, Convert, Drop, Map, Rename, Set, Unwrap
from iot_platform.contract.reasons import Reason
from iot_platform.contract.rules import shown
from iot_platform.contract.splice import as_json, members, put, remove, rename

_ANY_SIZE = 1 << 31


@dataclass(frozen=True)
class Change:
    """One field; the cells are JSON text as it stands in the record, None where the field is absent."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Patched:
    """The new bytes, and what differs between them and the old."""

    value: bytes
    changes: tuple[Change, ...]


class UnpatchableError(ValueError):
    """The patch does not fit this record; says why."""


def apply(steps: Sequence[AnyStep], value: bytes | None, key: bytes | None) -> Patched | None:
    """`value` after all steps, or None when they change nothing in it.

    Raises UnpatchableError where a step does not fit: then nothing of the patch is done.
    """
    if value is None:
        raise UnpatchableError("the record has no value (a tombstone)")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnpatchableError(f"byte {error.start} is not UTF-8") from None
    original = text
    for step in steps:
        text = _applied(step, text, key)
    if text == original:
        return None
    _object(text)
    return Patched(text.encode("utf-8"), _changes(original, text))


def _applied(step: AnyStep, text: str, key: bytes | None) -> str:
    if isinstance(step, Unwrap):
        return _unwrapped(text)
    document = _object(text)
    if isinstance(step, Set):
        return put(text, step.field, as_json(_key_text(key) if step.value_from == "key" else step.value))
    if step.field not in document:
        raise UnpatchableError(f"there is no field {step.field}")
    return _changed(step, text, document)


def _changed(step: Rename | Cast | Convert | Drop | Map, text: str, document: Document) -> str:
    if isinstance(step, Drop):
        return remove(text, step.field)
    if isinstance(step, Map):
        return _mapped(step, text, document)
    if isinstance(step, Cast):
        return put(text, step.field, _CASTS[step.to](document[step.field], _cell(text, step.field)))
    if isinstance(step, Convert):
        return _converted(step, text, document)
    if step.to in document:
        raise UnpatchableError(f"there is a field {step.to} already")
    return rename(text, step.field, step.to)


def _object(text: str) -> Document:
    document = decode(text.encode("utf-8"), _ANY_SIZE)
    if isinstance(document, Reason):
        raise UnpatchableError(f"{document.code.value}: {document.detail}")
    return document


def _unwrapped(text: str) -> str:
    inner = text.strip(" \t\n\r")
    if not (inner.startswith("[") and inner.endswith("]")):
        raise UnpatchableError("the record is not a list")
    inner = inner[1:-1]
    try:
        _object(inner)
    except UnpatchableError:
        raise UnpatchableError("the record is not a list of exactly one object") from None
    return inner


def _mapped(step: Map, text: str, document: Document) -> str:
    value = document[step.field]
    name = value if isinstance(value, str) else _cell(text, step.field)
    return put(text, step.field, as_json(step.values[name])) if name in step.values else text


def _converted(step: Convert, text: str, document: Document) -> str:
    value, unit = document[step.field], document.get(step.unit_field)
    if unit != step.source:
        raise UnpatchableError(f"{step.unit_field} is {shown(unit)}, not {shown(step.source)}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnpatchableError(f"{step.field} is {shown(value)}, no number")
    try:
        number = units.convert(_cell(text, step.field), step.source, step.target, step.digits)
    except ValueError as error:
        raise UnpatchableError(str(error)) from None
    return put(put(text, step.field, number), step.unit_field, as_json(step.target))


def _cell(text: str, name: str) -> str:
    (cell,) = (text[member.start : member.end] for member in members(text)[0] if member.name == name)
    return cell


def _to_number(value: Any, cell: str) -> str:
    """The number itself where there is one; of a string the number that is written in it, digit for digit."""
    if isinstance(value, str):
        cell = value.strip()
        try:
            value = msgspec.json.decode(cell.encode())
        except msgspec.DecodeError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnpatchableError(f"{shown(cell)} is no number")
    return cell


def _to_integer(value: Any, cell: str) -> str:
    cell = _to_number(value, cell)
    if not math.isfinite(float(cell)) or Decimal(cell) % 1:
        raise UnpatchableError(f"{shown(cell)} is no whole number")
    return cell if cell.lstrip("-").isdigit() else f"{Decimal(cell).to_integral_value():f}"


def _to_string(value: Any, cell: str) -> str:
    if isinstance(value, str):
        return cell
    if value is None or isinstance(value, list | dict):
        raise UnpatchableError(f"{shown(cell)} has no text of its own")
    return as_json(cell)


_CASTS: dict[str, Callable[[Any, str], str]] = {"number": _to_number, "integer": _to_integer, "string": _to_string}


def _key_text(key: bytes | None) -> str:
    try:
        return (key or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise UnpatchableError("the record's key is not UTF-8") from None


def _changes(before: str, after: str) -> tuple[Change, ...]:
    """By field, in the order in which they stand. What was no object has no fields of its own."""
    old, new = _cells(before), _cells(after)
    names = list(dict.fromkeys([*old, *new]))
    return tuple(Change(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _cells(text: str) -> dict[str, str]:
    inner = text.strip(" \t\n\r")
    if inner.startswith("["):
        inner = inner[1:-1]
    return {member.name: inner[member.start : member.end] for member in members(inner)[0]}
