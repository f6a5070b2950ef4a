"""Change members of a JSON object without touching any other byte."""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import msgspec

# Values are only stepped over: as a float, an integer of any length is read in one go, and never refused.
_decoder = JSONDecoder(parse_int=float)
_WHITESPACE = " \t\n\r"
_SPACES = re.compile(f"[{_WHITESPACE}]*+")


class Member(NamedTuple):
    """One member of an object: its name as decoded, and where its key and its value stand in the text."""

    name: str
    key_start: int
    key_end: int
    start: int
    end: int


def fill(value: bytes, additions: Mapping[str, Any]) -> bytes:
    """`value` with each key of `additions` set: an explicit null is replaced where it stands, an absent key appended.

    `value` must be a JSON object without duplicate keys, as `decode` accepts it.
    """
    text = value.decode("utf-8")
    found, end = members(text)
    nulls = {member.name: member.start for member in found if text[member.start : member.end] == "null"}
    missing = [name for name in additions if name not in nulls]
    pieces: list[str] = []
    position = 0
    for name, start in sorted(nulls.items(), key=lambda item: item[1]):
        if name in additions:
            pieces += [text[position:start], as_json(additions[name])]
            position = start + len("null")
    pieces.append(text[position:end])
    lead = "" if text[:end].rstrip(_WHITESPACE).endswith("{") else ","
    for name in missing:
        pieces.append(f"{lead}{as_json(name)}:{as_json(additions[name])}")
        lead = ","
    pieces.append(text[end:])
    return "".join(pieces).encode("utf-8")


def put(text: str, name: str, cell: str) -> str:
    """`text` with the member `name` set to the JSON text `cell`: replaced where it stands, else appended."""
    found, end = members(text)
    for member in found:
        if member.name == name:
            return text[: member.start] + cell + text[member.end :]
    return f"{text[:end]}{',' if found else ''}{as_json(name)}:{cell}{text[end:]}"


def rename(text: str, name: str, to: str) -> str:
    """`text` with the key of the member `name` replaced; it must be there, and no member `to`."""
    (member,) = (member for member in members(text)[0] if member.name == name)
    return text[: member.key_start] + as_json(to) + text[member.key_end :]


def remove(text: str, name: str) -> str:
    """`text` without the member `name`, which must be there, and the comma that parted it from its neighbour."""
    found, _ = members(text)
    (place,) = (place for place, member in enumerate(found) if member.name == name)
    if place + 1 < len(found):
        return text[: found[place].key_start] + text[found[place + 1].key_start :]
    start = found[place - 1].end if place else found[place].key_start
    return text[:start] + text[found[place].end :]


def as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def members(text: str) -> tuple[list[Member], int]:
    """The members of an object in order, and where its closing brace stands."""
    found: list[Member] = []
    position = _skip(text, text.index("{") + 1)
    while text[position] != "}":
        key_start = position
        name, key_end = scanstring(text, position + 1, True)
        start = _skip(text, _skip(text, key_end) + 1)  # white space, the colon, white space
        _, end = _decoder.raw_decode(text, start)
        found.append(Member(name, key_start, key_end, start, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found, position


def _skip(text: str, position: int) -> int:
    spaces = _SPACES.match(text, position)
    assert spaces is not None  # it may be of no length
    return spaces.end()
