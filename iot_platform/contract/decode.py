"""Bytes to a JSON object, exactly: what no reader may misread is refused with the first reason that applies.

This is the slow, exact way; `fast.py` takes the many records that need no second look.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from iot_platform.contract.reading import MAX_DEPTH
from iot_platform.contract.reasons import Code, Reason

Document = dict[str, Any]

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_LONGEST_EXACT_INTEGER = 400  # digits; longer ones are beyond a double (309 digits) and int() would be quadratic


class _RefusedError(ValueError):
    """A literal that JSON does not have."""


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_EXACT_INTEGER else float(digits)


class _Duplicates:
    """Builds objects and remembers the first key that stood twice in one."""

    def __init__(self) -> None:
        self.key: str | None = None

    def build(self, pairs: list[tuple[str, Any]]) -> Document:
        document = dict(pairs)
        if len(document) != len(pairs) and self.key is None:
            seen: set[str] = set()
            self.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return document


def decode(value: bytes | None, max_bytes: int) -> Document | Reason:
    """The object in `value`, or the one decoding reason why there is none.

    Numbers beyond a double arrive as infinity, which every range refuses.
    """
    if value is None:
        return Reason(Code.EMPTY, "", "the record has no value (a tombstone)")
    if not value:
        return Reason(Code.EMPTY, "", "the value has zero bytes")
    if len(value) > max_bytes:
        return Reason(Code.TOO_LARGE, "", f"{len(value)} bytes are over the limit of {max_bytes}")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return Reason(Code.NOT_UTF8, "", f"byte {error.start} is not UTF-8: {error.reason}")
    # Before the parse, which recurses: a record may be nested a million levels deep.
    if _deeper_than(value, MAX_DEPTH):
        return Reason(Code.TOO_DEEP, "", f"nested over {MAX_DEPTH} levels")
    return _parse(text)


def _parse(text: str) -> Document | Reason:
    duplicates = _Duplicates()
    try:
        document = json.loads(
            text, object_pairs_hook=duplicates.build, parse_constant=_refuse_constant, parse_int=_integer
        )
    except ValueError as error:
        return Reason(Code.NOT_JSON, "", str(error))
    # `\ud800` alone is no character: it could not be written as UTF-8 again.
    if "\\u" in text and _has_surrogate(document):
        return Reason(Code.NOT_JSON, "", "an escaped lone surrogate is not a character")
    if duplicates.key is not None:
        return Reason(Code.DUPLICATE_KEY, duplicates.key[:128], "the key stands twice: readers would disagree")
    if not isinstance(document, dict):
        return Reason(Code.NOT_OBJECT, "", f"a JSON {_json_type(document)}, not an object")
    return document


def _deeper_than(value: bytes, levels: int) -> bool:
    if value.count(b"[") + value.count(b"{") <= levels:
        return False
    depth = 0
    for match in _STRUCTURE.finditer(value):
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            if depth > levels:
                return True
        elif token in (b"]", b"}"):
            depth -= 1
    return False


def _has_surrogate(value: Any) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return any(_has_surrogate(key) or _has_surrogate(item) for key, item in value.items())
    if isinstance(value, list):
        return any(_has_surrogate(item) for item in value)
    return False


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}[type(value)]
