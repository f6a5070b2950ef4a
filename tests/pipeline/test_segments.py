"""Merging by size: every row is rewritten a few times at most, whatever sizes come in whatever order."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.pipeline.segments import LARGE_ROWS, Segment, due_merges, merged

TODAY = "2026-01-02"
BEFORE = "2026-01-01"


class Store:
    """Segments, and how often the rows of each were written; each is remembered by the segment's name."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.written: dict[str, int] = {}

    def add(self, rows: int) -> None:
        one = Segment("readings", TODAY, rows)
        self.segments.append(one)
        self.written[one.name] = 1
        for group in due_merges(self.segments, TODAY):
            whole = merged(group)
            self.segments = [segment for segment in self.segments if segment not in group] + [whole]
            self.written[whole.name] = 1 + max(self.written[segment.name] for segment in group)


@given(st.lists(st.integers(1, 2 * LARGE_ROWS), max_size=400))
def test_no_row_is_rewritten_more_often_than_there_are_size_classes(sizes: list[int]) -> None:
    store = Store()
    for rows in sizes:
        store.add(rows)
    assert sum(segment.rows for segment in store.segments) == sum(sizes)
    for segment in store.segments:
        assert store.written[segment.name] <= 1 + math.ceil(math.log(max(2, segment.rows), 8))
    small = Counter(segment.size_class for segment in store.segments if segment.rows < LARGE_ROWS)
    assert max(small.values(), default=0) <= 8


def test_a_big_segment_is_not_rewritten_for_small_ones() -> None:
    store = Store()
    store.add(900_000)
    (big,) = store.segments
    for _ in range(1_000):
        store.add(100)
    assert big in store.segments
    assert len(store.segments) < 30


@pytest.mark.parametrize(("rows", "size_class"), [(1, 0), (7, 0), (8, 1), (63, 1), (64, 2), (8**6 - 1, 5), (8**6, 6)])
def test_a_size_class_spans_a_factor_of_eight(rows: int, size_class: int) -> None:
    assert Segment("readings", TODAY, rows).size_class == size_class


def test_what_a_day_left_behind_becomes_one_and_large_ones_stay() -> None:
    left = [Segment("readings", BEFORE, rows) for rows in (3, 5_000, 90)]
    large = Segment("readings", BEFORE, LARGE_ROWS)
    alone = [Segment("dead_letters", BEFORE, 5), Segment("readings", TODAY, 5)]
    assert due_merges([*left, large, *alone], TODAY) == [left]
    assert merged(left).rows == 5_093
    assert due_merges([merged(left), large], TODAY) == []
