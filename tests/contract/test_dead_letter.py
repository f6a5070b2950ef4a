"""Headers of dead letters: what is written is read again, and what came with the record is kept as it came."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.contract import dead_letter
from iot_platform.contract.dead_letter import MAX_REASONS_BYTES, OWN_HEADERS, Provenance, from_headers, to_headers
from iot_platform.contract.reasons import Code, Reason

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
REASONS = st.builds(Reason, st.sampled_from(Code), _TEXTS, _TEXTS)
PROVENANCES = st.builds(
    Provenance,
    reasons=st.lists(REASONS, min_size=1, max_size=12).map(tuple),
    rule_version=_TEXTS,
    source_topic=st.from_regex(r"\A[a-zA-Z0-9._-]{1,60}\Z"),
    source_partition=st.integers(0, 10_000),
    source_offset=st.integers(0, 2**63 - 1),
    first_seen=_TEXTS,
    attempts=st.integers(1, 99_999),
)
FOREIGN = st.lists(st.tuples(_TEXTS.filter(lambda name: name not in OWN_HEADERS), st.none() | st.binary(max_size=9)))
OWN = st.tuples(st.sampled_from(sorted(OWN_HEADERS)), st.none() | st.binary(max_size=9))


@given(FOREIGN, PROVENANCES)
def test_what_is_written_is_read_again(foreign: list[tuple[str, bytes | None]], provenance: Provenance) -> None:
    assert from_headers(to_headers(foreign, provenance)) == provenance


@given(FOREIGN, PROVENANCES)
def test_headers_of_the_record_come_first_in_order_null_told_from_empty(
    foreign: list[tuple[str, bytes | None]], provenance: Provenance
) -> None:
    headers = to_headers(foreign, provenance)
    assert headers[: len(foreign)] == foreign
    assert {name for name, _ in headers[len(foreign) :]} == OWN_HEADERS
    assert len(headers) == len(foreign) + len(OWN_HEADERS)


@given(FOREIGN, st.lists(OWN, max_size=4), PROVENANCES, st.randoms())
def test_our_headers_of_an_earlier_attempt_or_of_a_liar_are_replaced(
    foreign: list[tuple[str, bytes | None]], own: list[tuple[str, bytes | None]], provenance: Provenance, random: object
) -> None:
    mixed = [*own[:1], *foreign, *own[1:]]
    assert to_headers(mixed, provenance) == to_headers(foreign, provenance)


@given(st.lists(st.builds(Reason, st.sampled_from(Code), _TEXTS, st.text("\0\U0001f600x", min_size=200)), max_size=150))
def test_reasons_are_capped_in_size_and_the_first_is_always_there(reasons: list[Reason]) -> None:
    encoded = dead_letter.encode_reasons(reasons)
    shown = json.loads(encoded)
    assert len(encoded) <= MAX_REASONS_BYTES
    assert [item["code"] for item in shown] == [reason.code for reason in reasons[: len(shown)]]
    assert bool(shown) == bool(reasons)
    assert all(list(item) == ["code", "field", "detail"] for item in shown)


def test_many_long_reasons_are_cut_from_the_end() -> None:
    shown = json.loads(dead_letter.encode_reasons([Reason(Code.TYPE, str(n), "\0" * 400) for n in range(100)]))
    assert 1 < len(shown) < 100
    assert [item["field"] for item in shown] == [str(n) for n in range(len(shown))]


_SOUND = to_headers([], Provenance((Reason(Code.RANGE, "value", "x"),), "1", "raw_s", 2, 3, "2026-01-01T00:00:00Z", 1))

_DAMAGE = {
    "reasons no JSON": (dead_letter.REASONS, b"{"),
    "reasons not UTF-8": (dead_letter.REASONS, b'[{"code":"range","field":"\xff","detail":""}]'),
    "reasons no list": (dead_letter.REASONS, b"{}"),
    "reasons of numbers": (dead_letter.REASONS, b"[1]"),
    "a reason without code": (dead_letter.REASONS, b'[{"field":"a","detail":"b"}]'),
    "an unknown code": (dead_letter.REASONS, b'[{"code":"ugly","field":"a","detail":"b"}]'),
    "a field that is a number": (dead_letter.REASONS, b'[{"code":"range","field":1,"detail":"b"}]'),
    "source without offset": (dead_letter.SOURCE, b"raw_s/1"),
    "source of words": (dead_letter.SOURCE, b"raw_s/one/two"),
    "source not UTF-8": (dead_letter.SOURCE, b"\xff/1/2"),
    "attempts of words": (dead_letter.ATTEMPTS, b"many"),
    "first_seen not UTF-8": (dead_letter.FIRST_SEEN, b"\xff"),
    "null": (dead_letter.RULE_VERSION, None),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), _DAMAGE.values(), ids=list(_DAMAGE))
def test_a_malformed_header_is_a_value_error(name: str, value: bytes | None) -> None:
    damaged = [(own, value if own == name else sound) for own, sound in _SOUND]
    with pytest.raises(ValueError, match=r"."):
        from_headers(damaged)


@pytest.mark.parametrize("name", sorted(OWN_HEADERS))
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        from_headers([header for header in _SOUND if header[0] != name])
