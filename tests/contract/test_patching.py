"""A patch changes what its steps name and no other byte, or says in words why it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.contract.decode import decode
from iot_platform.contract.patches import Patch, When, parse_patch
from iot_platform.contract.patching import Change, Patched, UnpatchableError, apply
from iot_platform.contract.splice import members
from iot_platform.errors import UsageError
from tests.contract.strict_json import parse
from tests.contract.test_splice import objects

PATCHES = Path(__file__).resolve().parents[2] / "patches"
KEY = b"sensor-7"


def patch(steps: str, when: str = "") -> Patch:
    return parse_patch("test", f"{when}\n{steps}")


def step(op: str, **options: Any) -> str:
    """A [[steps]] table; JSON's texts and numbers are TOML's too."""
    lines = [f"{name.rstrip('_')} = {_toml(value)}" for name, value in {"op": op, **options}.items()]
    return "\n".join(["[[steps]]", *lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {json.dumps(cell)}" for name, cell in value.items()) + "}"
    return json.dumps(value)


def patched(steps: str, value: bytes) -> Patched:
    made = apply(patch(steps).steps, value, KEY)
    assert made is not None
    return made


CASES: list[tuple[str, str, bytes, bytes]] = [
    ("set where it stands", step("set", field="a", value=2.5), b'{"a" : null , "b":1}', b'{"a" : 2.5 , "b":1}'),
    ("set what is absent", step("set", field="b", value=True), b'{ "a":1 }', b'{ "a":1 ,"b":true}'),
    ("set in an empty object", step("set", field="b", value="x"), b"{}", b'{"b":"x"}'),
    ("set to the key", step("set", field="a", from_="key"), b'{"a":"other"}', b'{"a":"sensor-7"}'),
    ("rename", step("rename", field="temp", to="value"), b'{"te\\u006dp": 1.50,"z":[]}', b'{"value": 1.50,"z":[]}'),
    ("cast text to a number, digit for digit", step("cast", field="a", to="number"), b'{"a":" 21.50"}', b'{"a":21.50}'),
    ("cast to a whole number", step("cast", field="a", to="integer"), b'{"a":2.0e1}', b'{"a":20}'),
    ("cast text to a whole number", step("cast", field="a", to="integer"), b'{"a":"1"}', b'{"a":1}'),
    ("cast a number to text", step("cast", field="a", to="string"), b'{"a":1.10}', b'{"a":"1.10"}'),
    ("cast true to text", step("cast", field="a", to="string"), b'{"a":true}', b'{"a":"true"}'),
    ("drop the first", step("drop", field="a"), b'{ "a":1, "b":2}', b'{ "b":2}'),
    ("drop one between", step("drop", field="b"), b'{"a":1 , "b":2 ,\n"c":3}', b'{"a":1 , "c":3}'),
    ("drop the last", step("drop", field="b"), b'{"a":1, "b":2 }', b'{"a":1 }'),
    ("drop the only one", step("drop", field="a"), b'{ "a":1 }', b"{  }"),
    ("map text", step("map", field="a", values={"Hall 1": "hall-1"}), b'{"a":"Hall 1"}', b'{"a":"hall-1"}'),
    ("map a number", step("map", field="a", values={"1.5": 1}), b'{"a":1.5}', b'{"a":1}'),
    (
        "convert value and unit",
        step("convert", from_="degF", to="Cel", digits=2),
        b'{"unit":"degF", "value":70.7}',
        b'{"unit":"Cel", "value":21.5}',
    ),
    ("unwrap", step("unwrap"), b' [ {"a":1} ]\n', b' {"a":1} '),
    (
        "one step after another",
        step("rename", field="t", to="value") + step("cast", field="value", to="number"),
        b'{"t":"1"}',
        b'{"value":1}',
    ),
]


@pytest.mark.parametrize(("steps", "before", "after"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_step_does_what_it_says(steps: str, before: bytes, after: bytes) -> None:
    assert patched(steps, before).value == after


REFUSED: list[tuple[str, bytes | None, str]] = [
    (step("drop", field="a"), None, "no value"),
    (step("drop", field="a"), b"\xff", "byte 0 is not UTF-8"),
    (step("drop", field="a"), b'{"a":1', "not_json"),
    (step("drop", field="a"), b'[{"a":1}]', "not_object"),
    (step("drop", field="a"), b'{"a":1,"a":2}', "duplicate_key"),
    (step("drop", field="b"), b'{"a":1}', "no field b"),
    (step("rename", field="a", to="b"), b'{"a":1,"b":2}', "a field b already"),
    (step("cast", field="a", to="number"), b'{"a":"warm"}', "no number"),
    (step("cast", field="a", to="number"), b'{"a":true}', "no number"),
    (step("cast", field="a", to="integer"), b'{"a":1.5}', "no whole number"),
    (step("cast", field="a", to="integer"), b'{"a":1e999}', "no whole number"),
    (step("cast", field="a", to="string"), b'{"a":null}', "no text"),
    (step("convert", from_="degF", to="Cel"), b'{"value":1,"unit":"Cel"}', "unit is 'Cel', not 'degF'"),
    (step("convert", from_="degF", to="Cel"), b'{"value":"1","unit":"degF"}', "no number"),
    (step("unwrap"), b'[{"a":1},{"a":2}]', "exactly one object"),
    (step("unwrap"), b'{"a":1}', "not a list"),
]


@pytest.mark.parametrize(("steps", "value", "why"), REFUSED)
def test_what_cannot_be_patched_says_why(steps: str, value: bytes | None, why: str) -> None:
    with pytest.raises(UnpatchableError, match=why):
        apply(patch(steps).steps, value, KEY)


def test_a_step_that_does_not_fit_undoes_those_before_it() -> None:
    with pytest.raises(UnpatchableError):
        apply(patch(step("drop", field="a") + step("drop", field="b")).steps, b'{"a":1}', KEY)


def test_a_patch_that_changes_nothing_says_so() -> None:
    assert apply(patch(step("set", field="a", value=1)).steps, b'{"a":1}', KEY) is None
    assert apply(patch(step("map", field="a", values={"x": "y"})).steps, b'{"a":"z"}', KEY) is None


def test_changes_are_told_field_by_field_as_they_were_written() -> None:
    steps = step("rename", field="t", to="value") + step("set", field="n", value=1)
    assert patched(steps, b'{"k":0,"t":1.50}').changes == (
        Change("t", "1.50", None),
        Change("value", None, "1.50"),
        Change("n", None, "1"),
    )
    assert patched(step("unwrap"), b'[{"a":1}]').changes == ()


def _cells(value: bytes) -> list[tuple[str, str]]:
    text = value.decode()
    return [(one.name, text[one.start : one.end]) for one in members(text)[0]]


@given(objects(), st.sampled_from(["unit", "schema_version", "value", ""]))
def test_fields_that_no_step_names_keep_every_byte(drawn: tuple[list[str], list[tuple[str, str]]], name: str) -> None:
    value = "null".join(drawn[0]).encode()
    before = _cells(value)
    made = apply(patch(step("set", field=name, value="new")).steps, value, KEY)
    assert made is not None
    put = [(field, '"new"' if field == name else cell) for field, cell in before]
    assert _cells(made.value) == (put if name in dict(before) else [*put, (name, '"new"')])
    assert decode(made.value, 1 << 20) == parse(made.value)
    if name in dict(before):
        dropped = apply(patch(step("drop", field=name)).steps, value, KEY)
        assert dropped is not None
        assert _cells(dropped.value) == [cell for cell in before if cell[0] != name]
        renamed = apply(patch(step("rename", field=name, to="a new name")).steps, value, KEY)
        assert renamed is not None
        assert _cells(renamed.value) == [("a new name" if field == name else field, cell) for field, cell in before]
        start, end = next((one.key_start, one.key_end) for one in members(value.decode())[0] if one.name == name)
        assert renamed.value.decode() == value.decode()[:start] + '"a new name"' + value.decode()[end:]


@given(st.binary(max_size=60))
def test_no_bytes_at_all_break_a_patch(value: bytes) -> None:
    steps = patch(step("unwrap") + step("set", field="a", value=1)).steps
    with suppress(UnpatchableError):
        made = apply(steps, value, KEY)
        assert made is not None
        assert json.loads(made.value)["a"] == 1


@pytest.mark.parametrize("path", sorted(PATCHES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_patch_that_comes_with_the_platform_can_be_read(path: Path) -> None:
    made = parse_patch(path.stem, path.read_text())
    assert made.description.endswith(".")
    assert made.when != When()


MISTAKES = {
    "": "malformed",
    "steps = []": "no steps",
    step("set", field="a"): "either value",
    step("set", field="a", value=1, from_="key"): "either value",
    step("turn", field="a"): "malformed",
    step("drop", field="a", unit="x"): "malformed",
    step("cast", field="a", to="date"): "malformed",
    step("convert", from_="degX", to="Cel"): "unit 'degX' is not known",
    step("convert", from_="hPa", to="Cel"): "do not measure the same",
    '[when]\nreason = "bad"\n' + step("drop", field="a"): "no reason code 'bad'",
    '[when]\nsensr = "x"\n' + step("drop", field="a"): "no 'sensr'",
}


@pytest.mark.parametrize(("text", "why"), MISTAKES.items())
def test_a_mistake_in_a_patch_is_told(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_patch("test", text)


def test_a_patch_is_narrowed_and_never_widened() -> None:
    when = When(reason="unit", sensor="a-*")
    assert when.narrowed(When(location="hall")) == When(reason="unit", sensor="a-*", location="hall")
    assert when.narrowed(When(reason="unit")) == when
    with pytest.raises(UsageError, match="for sensor 'a-\\*', not for 'b'"):
        when.narrowed(When(sensor="b"))
