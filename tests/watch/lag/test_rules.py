"""The rules over a window: Burrow's own table row by row, then what must hold of any window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.watch.lag import rules
from iot_platform.watch.lag.rules import Commit, Status, Window, status_of
from tests.watch.lag.burrow_windows import ROWS, Row

numbered = pytest.mark.parametrize("row", [pytest.param(row, id=f"burrow-{number}") for number, row in enumerate(ROWS)])


@numbered
def test_every_window_of_burrow_gets_the_status_that_burrow_gives_it(row: Row) -> None:
    assert status_of(row.window) == row.status


@numbered
def test_every_single_rule_says_of_it_what_burrows_says(row: Row) -> None:
    window = row.window
    assert rules.was_ever_level(window) == row.was_ever_level
    assert rules.has_stopped(window) == row.has_stopped
    assert rules.stands_still(window) == row.stands_still
    assert rules.gained(window) == row.gained
    assert rules.was_level_lately(window) == row.was_level_lately


def test_a_rewind_counts_until_the_group_is_again_where_it_was() -> None:
    rewound = {number for number, row in enumerate(ROWS) if rules.has_rewound(row.window)}
    gone_back = {number for number, row in enumerate(ROWS) if row.rewind_at is not None}
    assert (rewound, gone_back) == ({15}, {7, 14, 15})


def test_a_reader_that_moves_and_does_not_gain_is_a_warning() -> None:
    commits = tuple(Commit(1_000 + 100 * n, 1_000 * n, 50 + 10 * n) for n in range(1, 6))
    window = Window(commits, (1_600,), lag=100, now_ms=6_000)
    assert status_of(window) is Status.WARNING
    assert status_of(replace(window, allowed=100)) is Status.OK


def test_a_reader_in_step_is_ok_which_burrow_would_warn_of() -> None:
    """The one exception: a reader in batches shows the same lag at each look, and misses nothing."""
    commits = tuple(Commit(1_000 + 100 * n, 1_000 * n, 50) for n in range(1, 6))
    window = Window(commits, (1_600,), lag=100, now_ms=6_000)
    assert (rules.gained(window), status_of(window)) == (False, Status.OK)


def test_a_group_of_which_no_commit_is_known_is_not_judged() -> None:
    assert status_of(Window((), (10,), lag=10, now_ms=1)) is Status.OK


_steps = st.lists(
    st.tuples(st.integers(-50, 500), st.integers(1, 60_000), st.one_of(st.none(), st.integers(0, 1_000))),
    min_size=1,
    max_size=10,
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    offset, at_ms, commits = 1_000, 0, []
    for step, later_ms, lag in draw(_steps):
        offset, at_ms = max(0, offset + step), at_ms + later_ms
        commits.append(Commit(offset, at_ms, lag))
    ends = draw(st.lists(st.integers(0, 8_000), min_size=1, max_size=10))
    now_ms = at_ms + draw(st.integers(0, 900_000))
    return Window(tuple(commits), tuple(ends), draw(st.integers(0, 1_000)), now_ms, draw(st.integers(0, 20)))


@given(windows())
def test_who_has_no_lag_is_ok_whatever_was_before(window: Window) -> None:
    assert status_of(replace(window, lag=0)) is Status.OK


@given(windows())
def test_who_moves_on_and_whose_lag_falls_is_neither_stalled_nor_a_warning(window: Window) -> None:
    last = window.commits[-1]
    gaining = (replace(last, lag=900), Commit(last.offset + 1, last.at_ms + 1, 899))
    assert status_of(replace(window, commits=(*window.commits, *gaining))) not in (Status.STALLED, Status.WARNING)


@given(windows())
def test_another_commit_of_the_same_offset_now_makes_nobody_stopped(window: Window) -> None:
    again = replace(window.commits[-1], at_ms=window.now_ms)
    assert status_of(replace(window, commits=(*window.commits, again))) is not Status.STOPPED


@given(windows(), st.integers(1, 10_000_000))
def test_time_alone_makes_nobody_better(window: Window, later_ms: int) -> None:
    later = replace(window, now_ms=window.now_ms + later_ms)
    assert status_of(later) in (status_of(window), Status.STOPPED)


@given(windows(), st.integers(0, 1_000))
def test_more_allowance_never_makes_a_group_worse_than_it_is(window: Window, more: int) -> None:
    eased = replace(window, allowed=window.allowed + more)
    assert status_of(eased).severity <= status_of(window).severity
