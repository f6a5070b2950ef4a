"""The spool's frames: what goes in comes out, and other bytes are refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.errors import DamagedError
from iot_platform.stream.framing import pack, unpack
from iot_platform.stream.sources.base import Reading

some_bytes = st.none() | st.binary(max_size=300)
readings = st.lists(
    st.builds(Reading, some_bytes, some_bytes, st.integers(-(2**63), 2**63 - 1), st.just("")), max_size=20
)


@given(readings)
def test_unpack_gives_back_what_was_packed_null_told_from_empty(given_readings: list[Reading]) -> None:
    assert unpack(pack(given_readings)) == given_readings


@given(readings, st.data())
def test_a_torn_block_gives_whole_readings_or_an_error(given_readings: list[Reading], data: st.DataObject) -> None:
    block = pack(given_readings)
    cut = data.draw(st.integers(0, len(block)))
    try:
        assert unpack(block[:cut]) == given_readings[: len(unpack(block[:cut]))]
    except DamagedError:
        assert cut < len(block)


@given(st.binary(max_size=200))
def test_any_bytes_at_all_give_readings_or_a_damaged_error(block: bytes) -> None:
    with contextlib.suppress(DamagedError):
        assert pack(unpack(block)) == block


def test_a_negative_length_is_damage() -> None:
    block = bytearray(pack([Reading(b"k", b"v", 0)]))
    block[8:12] = (-2).to_bytes(4, "little", signed=True)
    with pytest.raises(DamagedError):
        unpack(bytes(block))
