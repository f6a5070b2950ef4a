"""Bytes to a JSON object, exactly: what no reader may misread is refused with the first reason that applies.

This is the slow, exact way; `fast.py` takes the many records that need no second look.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import numpy as np

from iot_platform.contract.reading import MAX_DEPTH
from iot_platform.contract.reasons import Code, Reason

Document = dict[str, Any]

# Possessive (`++`, `*+`): these never go back, so that no record takes more than one look at each byte.
# A string that never ends is one up to the end of the record.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
# In JSON text, everything up to the first escaped surrogate without its partner.
_WHOLE_CHARACTERS = re.compile(
    r"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB]..\\u[dD][c-fC-F])*+", re.DOTALL
)
_BRACKETS = b"[{]}"
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STEPS = bytes.maketrans(_BRACKETS, b"\x01\x01\xff\xff")  # one level in, or as a signed byte one out
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

    A float beyond a double arrives as infinity, which every range refuses.
    What is nested too deep is `too_deep` whether or not the rest of it is JSON: nobody reads on to find out.
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
    # Looked for in the text: a second key of the same name hides a value from the document.
    if "\\u" in text and _WHOLE_CHARACTERS.fullmatch(text) is None:
        return Reason(Code.NOT_JSON, "", "an escaped lone surrogate is not a character")
    if duplicates.key is not None:
        return Reason(Code.DUPLICATE_KEY, duplicates.key[:128], "the key stands twice: readers would disagree")
    if not isinstance(document, dict):
        return Reason(Code.NOT_OBJECT, "", f"a JSON {_json_type(document)}, not an object")
    return document


def _deeper_than(value: bytes, levels: int) -> bool:
    if value.count(b"[") + value.count(b"{") <= levels:
        return False
    brackets = _STRING.sub(b"", value).translate(_STEPS, _NOT_BRACKETS)
    depths = np.cumsum(np.frombuffer(brackets, dtype=np.int8), dtype=np.int64)
    return bool(depths.max(initial=0) > levels)


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}[type(value)]
