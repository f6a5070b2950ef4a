"""Hypothesis strategies: records near to a sound one, at every bound, and damaged in every way."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.contract.records import ACCEPTED_AT_MS, SOUND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+.0-9eE]+|[a-z]+|\s+|.', re.DOTALL)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ODD_NUMBERS = """
0 -0 -0.0 1 1.0 1e0 10e-1 1.5 2 85 85.0 85.00000000000002 85.000000000000000000000000001 -40 -40.00000000000001
100 100.00000000000001 -150 -150.00000000000003 5e-324 -5e-324 1e-400 1e400 -1E400 1E+400 0e400 21.5 2.15E+1
1180591620717411303424 18446744073709551615 18446744073709551616 -9223372036854775809 9007199254740993
NaN Infinity -Infinity 01 1. .5 +1 1e - 0x1 1_0
"""
NUMBERS = st.one_of(
    st.sampled_from(
        _ODD_NUMBERS.split(),
    ),
    st.integers().map(str),
    st.floats().map(repr),
    st.decimals(-200, 200, places=3, allow_nan=False).map(str),
    st.integers(290, 420).map(lambda digits: "9" * digits),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


class Record(NamedTuple):
    value: bytes | None
    key: bytes | None
    accepted_at_ms: int


def moments(accepted_at_ms: int) -> st.SearchStrategy[str]:
    """Around the moment of acceptance and around the limits of freshness, to the microsecond; and nonsense."""
    accepted = _EPOCH + timedelta(milliseconds=accepted_at_ms)
    around = st.sampled_from([0, 0, 0, -86_400, -86_400, 300, 300, 10**9, -(10**9)])
    slips = st.one_of(st.integers(-3, 3), st.integers(-2_000_000, 2_000_000)).map(lambda us: timedelta(microseconds=us))
    exact = st.builds(lambda s, slip: accepted + timedelta(seconds=s) + slip, around, slips)
    return st.one_of(
        exact.map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
        st.builds(lambda at, cut: at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:cut] + "Z", exact, st.integers(19, 26)),
        st.builds(lambda at, cell: at.strftime(cell), exact, st.sampled_from(_NEVER)),
        st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{0,7})?[Zz]?\Z"),
    )  # fmt: skip


_NEVER = ["%Y-%m-30T24:00:00Z", "%Y-02-%dT%H:%M:60Z", "%Y-02-30T%H:%M:%SZ"]
_STRINGS = {
    "message_id": st.uuids().map(str) | st.sampled_from([SOUND["message_id"], SOUND["message_id"].upper()]),
    "sensor_id": st.sampled_from(["sensor-1", "s", "S:1_a.b-C", "x" * 128, "x" * 129, "a b", "a\nb"]) | TEXTS,
    "sensor_type": st.sampled_from(["temperature", "humidity", "pressure", "light", "Temperature", "none", ""]),
    "unit": st.sampled_from(["Cel", "%RH", "hPa", "lx", "cel", ""]),
    "location": TEXTS | st.integers(254, 258).flatmap(lambda n: st.sampled_from(["x" * n, "\U0001f600" * n])),
}


@st.composite
def _odd_spelling(draw: st.DrawFn, name: str, accepted_at_ms: int) -> str | None:
    """The JSON text of one field, sound or not; None: absent."""
    choice = draw(st.integers(0, 9))
    if choice == 0:
        return None
    if choice == 1:
        return draw(st.sampled_from(["null", "null", "true", '""', "[]", "{}", '"21.5"', "1e400"]))
    if choice == 2:
        return json.dumps(draw(_JSON))
    if name == "generated_at":
        return json.dumps(draw(moments(accepted_at_ms)))
    return draw(_string_text(draw(_STRINGS[name]))) if name in _STRINGS else draw(NUMBERS)


@st.composite
def _string_text(draw: st.DrawFn, text: str) -> str:
    """A string in one of JSON's many spellings."""
    style = draw(st.integers(0, 9))
    if style == 0:
        return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text) + '"'
    return json.dumps(text, ensure_ascii=style < 3)


@st.composite
def written(draw: st.DrawFn) -> Record:
    """A record as a device may write it: members in any order and spelling, white space, unknown fields."""
    accepted_at_ms = ACCEPTED_AT_MS + draw(st.integers(-2_000, 2_000))
    odd = draw(st.sets(st.sampled_from(list(SOUND)), max_size=3))
    cells = {name: json.dumps(cell) for name, cell in SOUND.items()}
    for name in sorted(odd):
        cell = draw(_odd_spelling(name, accepted_at_ms))
        cells = {**cells, name: cell} if cell is not None else {n: c for n, c in cells.items() if n != name}
    members = [(f'"{name}"', cells[name]) for name in draw(st.permutations(list(cells)))]
    if draw(st.integers(0, 9)) == 0:
        members = [(draw(_string_text(json.loads(name))), cell) for name, cell in members]
    if draw(st.integers(0, 9)) == 0:
        members.append((json.dumps(draw(TEXTS)), json.dumps(draw(_JSON))))
    space = draw(st.sampled_from(["", "", " ", "\n", "\t", "\r", " \n\t\r", "\f", "\u00a0"]))
    text = "{" + f"{space},".join(f"{space}{key}{space}:{space}{cell}" for key, cell in members) + "}"
    key = draw(st.sampled_from([_key(cells)] * 9 + [None, b"", b"sensor-1"]))
    return Record(text.encode(), key, accepted_at_ms)


def _key(cells: Mapping[str, str]) -> bytes | None:
    """The sensor's id, where it is a string."""
    sensor_id = json.loads(cells.get("sensor_id", "null")) if cells.get("sensor_id", "").startswith('"') else None
    return sensor_id.encode() if isinstance(sensor_id, str) else None


@st.composite
def damaged(draw: st.DrawFn, records: st.SearchStrategy[Record] = written()) -> Record:  # noqa: B008 - a strategy is a value
    """A written record after some bytes or tokens were put in, taken out, doubled, swapped or changed."""
    record = draw(records)
    value = record.value or b""
    for _ in range(draw(st.integers(1, 3))):
        value = draw(_damage_bytes(value) if draw(st.booleans()) else _damage_tokens(value))
    return record._replace(value=value)


@st.composite
def _damage_bytes(draw: st.DrawFn, value: bytes) -> bytes:
    at = draw(st.integers(0, len(value)))
    end = min(len(value), at + draw(st.integers(0, 3)))
    return value[:at] + draw(st.binary(max_size=3)) + value[end:]


@st.composite
def _damage_tokens(draw: st.DrawFn, value: bytes) -> bytes:
    tokens: list[bytes] = _TOKENS.findall(value)
    if not tokens:
        return value
    places = st.integers(0, len(tokens) - 1)
    one, other = draw(places), draw(places)
    first, last = min(one, other), min(max(one, other) + 1, min(one, other) + 5)
    act = draw(st.sampled_from(["double", "remove", "swap", "copy", "insert"]))
    if act == "double":  # a member, a value, a bracket, a quote
        tokens[last:last] = [*draw(st.sampled_from([[], [b","]])), *tokens[first:last]]
    elif act == "remove":
        del tokens[first:last]
    elif act == "swap":
        tokens[one], tokens[other] = tokens[other], tokens[one]
    elif act == "copy":
        tokens[one] = tokens[other]
    else:
        odd = [
            b'"',
            b"\\",
            b",",
            b":",
            b"{",
            b"}",
            b"[",
            b"]",
            b"null",
            b"1",
            b" ",
            b"\0",
            b"\xff",
            b"\xef\xbb\xbf",
            b"/**/",
        ]
        tokens.insert(one, draw(st.sampled_from(odd)))
    return b"".join(tokens)


def any_record() -> st.SearchStrategy[Record]:
    wild: st.SearchStrategy[Any] = st.builds(
        Record, st.none() | st.binary(max_size=400), st.none() | st.binary(max_size=8), st.integers(-(2**63), 2**63 - 1)
    )
    return st.one_of(written(), written(), damaged(), damaged(), wild)
