"""From signs of life to facts: what grew between two of one process, and nothing of what is not known."""

from __future__ import annotations

from typing import Any

import pytest

from iot_platform.stream.offsets import GroupFigures, PartitionFigures
from iot_platform.watch.diagnosis.assembling import Process, partition_facts, process_facts, skew_of

VALIDATOR = Process("validator-s-0", "validator", "s", True)


def beat(second: int, **facts: Any) -> dict[str, Any]:
    return {
        "pid": 7, "at": f"2026-07-01T10:00:{second:02d}+00:00", "cpu_seconds": 0.5 * second,
        "memory_bytes": 10**8, "valid": 80 * second, "dead": 20 * second, "duplicates": 0,
        "aborts": 0, "sessions": 1, "last_error": "an old one", **facts,
    }  # fmt: skip


def test_counters_become_rates_and_shares() -> None:
    before = beat(10, stages={"rules": 1.0, "commit": 2.0}, writes=10, write_seconds=1.0, rebalances=1)
    after = beat(20, stages={"rules": 6.0, "commit": 2.5}, writes=30, write_seconds=5.0, rebalances=4)
    found = process_facts(VALIDATOR, before, after, 0.25)
    assert (found.cpu, found.records, found.dead_share, found.waited) == (0.5, 100.0, 0.2, 0.25)
    assert found.stages == {"rules": 0.5, "commit": 0.05}
    assert (found.write_seconds, found.rebalances, found.sessions) == (0.2, 3, 0)


def test_an_error_is_told_when_something_failed_meanwhile_and_not_for_ever() -> None:
    assert process_facts(VALIDATOR, beat(1), beat(2), None).last_error == ""
    assert process_facts(VALIDATOR, beat(1), beat(2, aborts=2), None).last_error == "an old one"


def test_unprocessable_records_are_counted_by_their_reason() -> None:
    before, after = beat(1, by_reason={"unprocessable": 3}), beat(2, by_reason={"unprocessable": 5, "range": 9})
    assert process_facts(VALIDATOR, before, after, None).unprocessable == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {}), ({}, beat(2)), (beat(2), beat(2)), (beat(1, pid=6), beat(2)), (beat(2), beat(1))],
    ids=["none", "the first", "the same", "another process", "a clock that went back"],
)
def test_without_two_signs_of_one_process_nothing_is_known_of_its_rates(before: Any, after: Any) -> None:
    found = process_facts(VALIDATOR, before, after, 0.5)
    assert (found.cpu, found.waited, found.records, dict(found.stages)) == (None, None, None, {})


def test_a_counter_that_went_back_counts_as_none() -> None:
    assert process_facts(VALIDATOR, beat(1, aborts=9), beat(2, aborts=0), None).aborts == 0


def figures(at_ms: int, high: int, committed: int | None, partition: int = 0) -> GroupFigures:
    part = PartitionFigures("raw_s", partition, 0, high, high, committed, at_ms - 5_000, at_ms)
    return GroupFigures("validator-s", (part,))


def test_offsets_become_what_came_and_what_was_taken() -> None:
    (found,) = partition_facts([figures(0, 1_000, 400)], [figures(10_000, 3_000, 900)])
    assert (found.inflow, found.outflow, found.messages, found.seconds) == (200.0, 50.0, 2_100, 5.0)


def test_a_partition_that_was_not_in_both_looks_is_left_out() -> None:
    assert partition_facts([], [figures(10_000, 3_000, 900)]) == []
    assert partition_facts([figures(0, 1, None)], [figures(10_000, 3_000, 900, partition=1)]) == []
    assert partition_facts([figures(0, 1, None)], [figures(0, 1, None)]) == []


def test_the_key_of_most_records_is_named() -> None:
    skew = skew_of("raw_s", 1, [b"a", b"b", b"a", b"a"])
    assert skew is not None
    assert (skew.key, skew.share, skew.keys, skew.records) == ("a", 0.75, 2, 4)
    assert skew_of("raw_s", 1, []) is None
    odd = skew_of("raw_s", 1, [None, b"\xff"])
    assert odd is not None
    assert odd.key == "no key"
