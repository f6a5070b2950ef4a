"""A strict JSON reader of our own (RFC 8259), and what a clean record is: no code shared with what is tested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from iot_platform.contract.catalogue import Catalogue
from iot_platform.contract.reading import Freshness

_TOKEN = re.compile(
    r"[ \t\n\r]*(?:(?P<mark>[{}\[\],:])"
    r'|"(?P<string>(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)"'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<word>true|false|null))"
)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}

Token = tuple[str, str]


def parse(value: bytes) -> Any:
    """The document; numbers as floats. Raises ValueError for what is not JSON, has a key twice, or lone surrogates."""
    tokens = _tokens(value.decode("utf-8"))
    document = _value(next(tokens, ("end", "")), tokens)
    if next(tokens, None) is not None:
        raise ValueError("more than one document")
    return document


def _tokens(text: str) -> Iterator[Token]:
    text = text.rstrip(" \t\n\r")
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"no token at {position}")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _value(token: Token, tokens: Iterator[Token]) -> Any:
    kind, text = token
    if kind == "number":
        return float(text)
    if kind == "word":
        return _WORDS[text]
    if kind == "string":
        return _string(text)
    if text == "{":
        return _object(tokens)
    if text == "[":
        return _array(tokens)
    raise ValueError(f"{text!r} begins no value")


def _string(text: str) -> str:
    units = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _SHORT.get(m[2], m[2]), text)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")  # joins pairs, refuses single ones


def _object(tokens: Iterator[Token]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    token = next(tokens, ("end", ""))
    if token == ("mark", "}"):
        return members
    while True:
        if token[0] != "string" or next(tokens, None) != ("mark", ":"):
            raise ValueError("a member is a string, a colon and a value")
        key = _string(token[1])
        if key in members:
            raise ValueError(f"{key!r} twice")
        members[key] = _value(next(tokens, ("end", "")), tokens)
        if not _goes_on(tokens, "}"):
            return members
        token = next(tokens, ("end", ""))


def _array(tokens: Iterator[Token]) -> list[Any]:
    items: list[Any] = []
    token = next(tokens, ("end", ""))
    if token == ("mark", "]"):
        return items
    while True:
        items.append(_value(token, tokens))
        if not _goes_on(tokens, "]"):
            return items
        token = next(tokens, ("end", ""))


def _goes_on(tokens: Iterator[Token], closing: str) -> bool:
    mark = next(tokens, ("end", ""))
    if mark not in (("mark", ","), ("mark", closing)):
        raise ValueError(f"neither comma nor {closing}")
    return mark == ("mark", ",")


_REQUIRED = ("message_id", "sensor_id", "sensor_type", "generated_at", "value", "unit", "schema_version")
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z", re.ASCII)


def clean_message_id(
    value: bytes, key: bytes | None, accepted_at_ms: int, catalogue: Catalogue, freshness: Freshness
) -> str:
    """The id of a record that breaks no rule and needs no repair. Raises ValueError or AssertionError for any other."""
    document = parse(value)
    assert isinstance(document, dict)
    assert all(document.get(name) is not None for name in _REQUIRED)
    message_id, sensor_id = document["message_id"], document["sensor_id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", message_id)
    assert re.fullmatch(r"[-A-Za-z0-9._:]{1,128}", sensor_id)
    assert key == sensor_id.encode()
    kind = catalogue.types[document["sensor_type"]]
    assert document["unit"] == kind.unit
    assert type(document["value"]) is float
    assert kind.minimum <= document["value"] <= kind.maximum
    assert type(document["schema_version"]) is float
    assert document["schema_version"] == 1
    _check_optional(document, catalogue)
    _check_freshness(document["generated_at"], accepted_at_ms, freshness)
    return str(message_id)


def _check_optional(document: dict[str, Any], catalogue: Catalogue) -> None:
    for name, low, high in (("battery_level", 0, 100), ("signal_strength", -150, 0)):
        number = document.get(name)
        assert number is not None or catalogue.nulls[name] != "dead"
        assert number is None or (type(number) is float and low <= number <= high)
    location = document.get("location")
    assert location is not None or catalogue.nulls["location"] != "dead"
    assert location is None or (isinstance(location, str) and 1 <= len(location) <= 256)


def _check_freshness(text: str, accepted_at_ms: int, freshness: Freshness) -> None:
    match = _MOMENT.fullmatch(text)
    assert match
    second = datetime(*map(int, match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    whole = (second - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    age = Fraction(accepted_at_ms, 1000) - whole - Fraction("0." + (match[7] or "0"))
    assert freshness.max_age_seconds is None or age <= freshness.max_age_seconds
    assert freshness.max_ahead_seconds is None or -age <= freshness.max_ahead_seconds
