"""Fill missing fields of a JSON object without touching any other byte."""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import msgspec

# Values are only stepped over: as a float, an integer of any length is read in one go, and never refused.
_decoder = JSONDecoder(parse_int=float)
_WHITESPACE = " \t\n\r"
_SPACES = re.compile(f"[{_WHITESPACE}]*+")


def fill(value: bytes, additions: Mapping[str, Any]) -> bytes:
    """`value` with each key of `additions` set: an explicit null is replaced where it stands, an absent key appended.

    `value` must be a JSON object without duplicate keys, as `decode` accepts it.
    """
    text = value.decode("utf-8")
    nulls, end = _top_level_nulls(text)
    missing = [name for name in additions if name not in nulls]
    pieces: list[str] = []
    position = 0
    for name, start in sorted(nulls.items(), key=lambda item: item[1]):
        if name in additions:
            pieces += [text[position:start], _json(additions[name])]
            position = start + len("null")
    pieces.append(text[position:end])
    lead = "" if text[:end].rstrip(_WHITESPACE).endswith("{") else ","
    for name in missing:
        pieces.append(f"{lead}{_json(name)}:{_json(additions[name])}")
        lead = ","
    pieces.append(text[end:])
    return "".join(pieces).encode("utf-8")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _top_level_nulls(text: str) -> tuple[dict[str, int], int]:
    """Where the value of each top-level key that is null begins, and where the closing brace stands."""
    nulls: dict[str, int] = {}
    position = _skip(text, text.index("{") + 1)
    while text[position] != "}":
        key, position = scanstring(text, position + 1, True)
        position = _skip(text, _skip(text, position) + 1)  # white space, the colon, white space
        value, after = _decoder.raw_decode(text, position)
        if value is None:
            nulls[key] = position
        position = _skip(text, after)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return nulls, position


def _skip(text: str, position: int) -> int:
    spaces = _SPACES.match(text, position)
    assert spaces is not None  # it may be of no length
    return spaces.end()
