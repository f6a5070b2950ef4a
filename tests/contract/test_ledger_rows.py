"""Putting ledger entries together hides no hole, whatever the entries and however they are split into loads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from iot_platform.contract.ledger_rows import LedgerRow, coalesce

_START = datetime(2026, 1, 1, 23, 50, tzinfo=UTC)


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerRow]:
    """Entries of two partitions in offset order, with holes, over several hours and rules."""
    rows = []
    for partition in (0, 1):
        offset, at = 0, _START
        for _ in range(draw(st.integers(0, 12))):
            offset += draw(st.sampled_from([0, 0, 0, 1, 7]))
            at += timedelta(minutes=draw(st.sampled_from([0, 1, 4, 61])))
            valid, dead = draw(st.integers(0, 5)), draw(st.integers(1, 3))
            rules = draw(st.sampled_from(["1-a", "1-a", "1-b"]))
            last = offset + valid + dead - 1
            rows.append(
                LedgerRow(
                    "s", partition, offset, last, valid, 0, dead, 0, 0, 1, rules, at, at,
                    {"range": dead}, {"sensor": valid} if valid else {},
                )
            )  # fmt: skip
            offset = last + 1
    return rows


def covered(rows: list[LedgerRow]) -> set[tuple[int, int]]:
    return {(row.partition, offset) for row in rows for offset in range(row.first_offset, row.last_offset + 1)}


def sums(rows: list[LedgerRow]) -> tuple[int, ...]:
    return (
        sum(row.valid for row in rows),
        sum(row.dead for row in rows),
        sum(row.entries for row in rows),
        sum(row.by_reason.get("range", 0) for row in rows),
        sum(sum(row.duplicates_by_sensor.values()) for row in rows),
    )


@given(ledgers())
def test_offsets_and_sums_stay_exactly_the_same(rows: list[LedgerRow]) -> None:
    merged = coalesce(rows)
    assert covered(merged) == covered(rows)
    assert sums(merged) == sums(rows)
    for row in merged:
        assert row.valid + row.dead == row.last_offset - row.first_offset + 1


@given(ledgers())
def test_a_row_stays_within_one_hour_and_one_set_of_rules_and_is_as_long_as_it_can_be(rows: list[LedgerRow]) -> None:
    merged = coalesce(rows)
    for row in merged:
        inside = [
            one
            for one in rows
            if one.partition == row.partition and row.first_offset <= one.first_offset <= row.last_offset
        ]
        assert {one.rule_version for one in inside} == {row.rule_version}
        assert len({one.first_at.replace(minute=0, second=0) for one in inside}) == 1
        assert row.entries == len(inside)
    assert sorted(coalesce(merged), key=_place) == sorted(merged, key=_place)


@given(ledgers(), st.integers(1, 5))
def test_loads_of_any_size_end_in_the_same_rows(rows: list[LedgerRow], size: int) -> None:
    stored: list[LedgerRow] = []
    for start in range(0, len(rows), size):
        stored = coalesce([*stored, *rows[start : start + size]])
    assert sorted(stored, key=_place) == sorted(coalesce(rows), key=_place)


def _place(row: LedgerRow) -> tuple[int, int]:
    return row.partition, row.first_offset
