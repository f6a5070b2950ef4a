"""A dead letter shows where in its bytes it is wrong, where that can be said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.contract.marking import marks
from iot_platform.contract.reasons import Code

CASES = [
    (b'{"a":1,"unit":"degF"}', "unit", "unit", 7, '{"a":1,>>>"unit":"degF"<<<}'),
    (b'{"caf\xc3\xa9":1,"unit" : null }', "null_critical", "unit", 11, '{"café":1,>>>"unit" : null<<< }'),
    (b'{"a":"\xff\xfe"}', "not_utf8", "", 6, '{"a":">>>\\xff<<<\\xfe"}'),
    (b'{"a":1,}', "not_json", "", 7, '{"a":1,>>>}<<<'),
    (b'{"a":1', "not_json", "", 6, '{"a":1>>><<<'),
]


@pytest.mark.parametrize(("value", "code", "field", "byte", "excerpt"), CASES)
def test_the_place_is_marked(value: bytes, code: str, field: str, byte: int, excerpt: str) -> None:
    (mark,) = marks(value, [(code, field)])
    assert (mark.code, mark.field, mark.byte, mark.excerpt) == (code, field, byte, excerpt)


def test_only_a_part_of_a_long_record_is_shown() -> None:
    (mark,) = marks(b'{"a":"' + b"x" * 999 + b'","b":1,"c":"' + b"y" * 999 + b'"}', [("type", "b")])
    assert len(mark.excerpt) < 100
    assert mark.excerpt.startswith("…xxx")
    assert mark.excerpt.endswith("yyy…")


def test_what_has_no_place_of_its_own_is_not_marked() -> None:
    assert marks(None, [("empty", "")]) == []
    assert marks(b"[1]", [("not_object", "")]) == []
    assert marks(b'{"a":1}', [("key_mismatch", "sensor_id"), ("null_critical", "value")]) == []


@given(st.binary(max_size=50), st.sampled_from(list(Code)), st.sampled_from(["", "unit", "a"]))
def test_no_bytes_at_all_break_it(value: bytes, code: Code, field: str) -> None:
    assert all(0 <= mark.byte <= len(value) for mark in marks(value, [(code.value, field)]))
