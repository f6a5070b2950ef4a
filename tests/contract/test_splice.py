"""A fill changes the filled fields and no other byte."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iot_platform.contract.decode import decode
from iot_platform.contract.splice import fill
from tests.contract.mutations import TEXTS
from tests.contract.records import MAX_BYTES
from tests.contract.strict_json import parse

_ADDITIONS: dict[str, Any] = {"unit": "Cel", "schema_version": 1}
_SPACES = st.text(" \t\n\r", max_size=3)
_CELLS = st.sampled_from(
    [
        "null",
        "true",
        "0",
        "-1.5e3",
        "1e400",
        "9" * 5_000,
        '"null"',
        r'"\"null,}{"',
        "[null]",
        "[]",
        "{}",
        '{"unit":null}',
    ]
) | TEXTS.map(json.dumps)
_NAMES = st.sampled_from(["unit", "schema_version", "value", "", "nul", 'a"b', "\U0001f600"]) | TEXTS


@st.composite
def _key(draw: st.DrawFn, name: str) -> str:
    plain = json.dumps(name, ensure_ascii=draw(st.booleans()))
    return plain.replace("u", r"\u0075", 1) if draw(st.booleans()) and name == "unit" else plain


@st.composite
def objects(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    """A JSON object as pieces between which a null to be filled stands, and its members as (name, text)."""
    pieces = [draw(_SPACES) + "{" + draw(_SPACES)]
    members = []
    for place, name in enumerate(draw(st.lists(_NAMES, unique=True, max_size=6))):
        text = draw(st.sampled_from(["null", "null"]) if name in _ADDITIONS else _CELLS)
        members.append((name, text))
        pieces[-1] += ("," + draw(_SPACES) if place else "") + draw(_key(name)) + draw(_SPACES) + ":" + draw(_SPACES)
        if name in _ADDITIONS:
            pieces.append("")
        else:
            pieces[-1] += text
        pieces[-1] += draw(_SPACES)
    pieces[-1] += "}" + draw(_SPACES)
    return pieces, members


@given(objects())
def test_only_the_filled_fields_change(drawn: tuple[list[str], list[tuple[str, str]]]) -> None:
    pieces, members = drawn
    present = [name for name, _ in members if name in _ADDITIONS]
    absent = [name for name in _ADDITIONS if name not in present]
    value = "null".join(pieces).encode()
    filled = fill(value, _ADDITIONS).decode()

    expected = pieces[0]
    for name, piece in zip(present, pieces[1:], strict=True):
        expected += json.dumps(_ADDITIONS[name]) + piece
    added = ",".join(f'"{name}":{json.dumps(_ADDITIONS[name])}' for name in absent)
    body, end = expected.rsplit("}", 1)
    assert filled == body + ("," if added and members else "") + added + "}" + end

    assert decode(filled.encode(), MAX_BYTES) == {**_decoded(value), **_ADDITIONS}
    assert parse(filled.encode()) == {**parse(value), **_ADDITIONS}


def _decoded(value: bytes) -> dict[str, Any]:
    document = decode(value, MAX_BYTES)
    assert isinstance(document, dict)
    return document


@given(objects(), st.sampled_from(["unit", "schema_version"]))
def test_a_field_that_is_not_to_be_filled_is_left_even_when_null(
    drawn: tuple[list[str], list[tuple[str, str]]], name: str
) -> None:
    pieces, _ = drawn
    value = "null".join(pieces).encode()
    document = _decoded(fill(value, {name: _ADDITIONS[name]}))
    assert document == {**_decoded(value), name: _ADDITIONS[name]}


def test_any_unit_is_written_as_json() -> None:
    for unit in ('[arb"U]', "back\\slash", "\N{MICRO SIGN}g/m3", "\0"):
        assert parse(fill(b'{"a":1}', {"unit": unit})) == {"a": 1, "unit": unit}


def test_an_empty_object_gets_no_comma() -> None:
    assert fill(b" { } ", {"unit": "Cel"}) == b' { "unit":"Cel"} '
    assert re.fullmatch(rb'\{"unit":"Cel","schema_version":1\}', fill(b"{}", _ADDITIONS))
