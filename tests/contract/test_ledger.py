"""Ledger entries: what is written is read again; what is not an entry is refused; counts are capped without loss."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.contract import ledger
from iot_platform.contract.ledger import MAX_SENSORS_NAMED, OTHER_SENSORS, PAIR_BYTES, LedgerEntry, capped_by_sensor

_COUNTS = st.integers(0, 2**62)
_NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENTRIES = st.builds(
    LedgerEntry,
    stream=_NAMES,
    partition=st.integers(0, 10_000),
    first=_COUNTS,
    last=_COUNTS,
    valid=_COUNTS,
    repaired=_COUNTS,
    dead=_COUNTS,
    duplicates=_COUNTS,
    rule_version=_NAMES,
    slot=st.integers(0, 1_000),
    at=st.datetimes().map(lambda at: at.isoformat() + "Z"),
    gaps=_COUNTS,
    by_reason=st.dictionaries(_NAMES, _COUNTS, max_size=5),
    duplicates_by_sensor=st.dictionaries(_NAMES, _COUNTS, max_size=5),
    ids=st.lists(st.binary(min_size=PAIR_BYTES, max_size=PAIR_BYTES), max_size=20).map(b"".join),
)
_SMALL = LedgerEntry("s", 0, 5, 9, 2, 1, 1, 1, "1-s-x", 0, "2026-01-01T00:00:00Z", gaps=1, ids=bytes(2 * PAIR_BYTES))


@given(ENTRIES)
def test_what_is_written_is_read_again(entry: LedgerEntry) -> None:
    assert ledger.decode(ledger.encode(entry)) == entry


def test_the_names_on_the_wire_are_those_of_the_interfaces() -> None:
    document = json.loads(ledger.encode(_SMALL))
    assert list(document) == [
        "v", "stream", "partition", "from", "to", "valid", "repaired", "dead", "duplicates", "rule_version", "slot",
        "at", "gaps", "by_reason", "duplicates_by_sensor", "ids",
    ]  # fmt: skip
    assert (document["v"], document["from"], document["to"]) == (1, 5, 9)
    assert (_SMALL.covered, _SMALL.accounted) == (5, 5)
    assert ledger.key(7) == b"7"


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_a_named_error(value: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        ledger.decode(value)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": None},
        {"ids": "!!!!"},
        {"ids": "QUJD"},
        {"ids": "A"},
        {"ids": "\u00e9"},
        {"from": "5"},
        {"valid": 1.5},
    ],
    ids=str,
)
def test_a_damaged_entry_is_refused_and_never_read_as_fewer_ids(changes: dict[str, object]) -> None:
    document = {**json.loads(ledger.encode(_SMALL)), **changes}
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        ledger.decode(json.dumps(document).encode())


def test_an_entry_too_large_for_kafka_is_refused_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="is over 900000"):
        ledger.encode(LedgerEntry("s", 0, 0, 9, 9, 0, 0, 0, "1", 0, "", ids=bytes(PAIR_BYTES * 30_000)))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=4), st.integers(0, 500))
def test_capping_names_at_most_so_many_sensors_and_loses_no_count(parts: list[int], extra: int) -> None:
    """Also when what was capped before is added up and capped again."""
    total: Counter[str] = Counter()
    capped: Counter[str] = Counter()
    for number, count in enumerate(parts):
        counts = {f"s{number}-{sensor}": count for sensor in range(MAX_SENSORS_NAMED - 250 + extra)}
        total.update(counts)
        capped = Counter(capped_by_sensor(capped + Counter(capped_by_sensor(counts))))
    assert capped.total() == total.total()
    named = set(capped) - {OTHER_SENSORS}
    assert len(named) <= MAX_SENSORS_NAMED
    assert all(capped[sensor] == total[sensor] for sensor in named)
