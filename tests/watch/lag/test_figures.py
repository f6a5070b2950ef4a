"""Seconds, rates and what follows from them, each by a course a person can check."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.watch.lag import figures
from iot_platform.watch.lag.course import Course, after
from iot_platform.watch.lag.figures import Behind, Rates
from tests.watch.lag.courses import course, looked, run

# 30 offsets arrive in 30 s; the group stands at 45, which was written 15 s after the first look.
STEADY = run([30, 60, 90], [45, 45, 45])


@pytest.mark.parametrize(
    ("seen", "now_ms", "expected"),
    [
        (run([90], [90]), 0, Behind(0.0, "course")),
        (STEADY, 60_000, Behind(45.0, "course")),
        (STEADY, 70_000, Behind(55.0, "course")),  # time goes on, whoever looks
        (run([30, 60, 90], [60, 60, 60]), 60_000, Behind(30.0, "course")),
        (run([30, 60, 90], [10, 10, 10]), 60_000, Behind(60.0, "at_least")),  # before the first look
        (run([30], [10]), 0, Behind(0.0, "at_least")),
        (course([looked(60_000, 90, 45, born=12_000)]), 60_000, Behind(48.0, "record")),
        (course([looked(60_000, 90, 45, born=61_000)]), 60_000, Behind(0.0, "record")),  # a clock that runs ahead
        (run([90, 90, 90], [45, 45, 45]), 60_000, Behind(60.0, "at_least")),  # nothing arrives: it grows all the same
    ],
)
def test_seconds_behind_and_how_they_are_known(seen: Course, now_ms: int, expected: Behind) -> None:
    assert figures.behind(seen, now_ms) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (run([30], [10]), Rates(None, None)),
        (run([30, 60, 90], [10, 20, 70]), Rates(1.0, 1.0)),
        (run([30, 60, 90], [None, None, None]), Rates(1.0, 0.0)),
        (run([30, 60, 90], [80, 20, 20]), Rates(1.0, 0.0)),  # it went back: it took nothing
        (run([30, 30, 30], [30, 30, 30]), Rates(0.0, 0.0)),
        (course([looked(5, 30, 10), looked(5, 60, 20)]), Rates(None, None)),  # two looks at one moment
    ],
)
def test_rates_are_offsets_a_second_over_the_looks(seen: Course, expected: Rates) -> None:
    assert figures.rates(seen) == expected


@pytest.mark.parametrize(
    ("messages", "rates", "expected"),
    [
        (0, Rates(None, None), 0.0),
        (100, Rates(10.0, 15.0), 20.0),
        (100, Rates(10.0, 10.0), None),
        (100, Rates(10.0, 2.0), None),
        (100, Rates(None, None), None),
        (100, Rates(0.0, 50.0), 2.0),
    ],
)
def test_time_to_catch_up(messages: int, rates: Rates, expected: float | None) -> None:
    assert figures.catch_up_seconds(messages, rates) == expected


@pytest.mark.parametrize(
    ("messages", "seconds", "kept", "rates", "left", "overtaken"),
    [
        (10, 100.0, 1_000.0, Rates(10.0, 0.0), 900.0, 900.0),  # who stands still loses a second a second
        (10, 100.0, 1_000.0, Rates(10.0, 5.0), 900.0, 1_800.0),
        (10, 100.0, 1_000.0, Rates(10.0, 10.0), 900.0, None),
        (10, 100.0, 1_000.0, Rates(10.0, 9.7), 900.0, None),  # in step, as far as looks can tell
        (10, 100.0, 1_000.0, Rates(0.0, 3.0), 900.0, None),
        (10, 100.0, 1_000.0, Rates(0.0, 0.0), 900.0, 900.0),
        (10, 5_000.0, 1_000.0, Rates(10.0, 0.0), 0.0, 0.0),
        (10, 100.0, 1_000.0, Rates(None, None), 900.0, None),
        (10, 100.0, None, Rates(10.0, 0.0), None, None),  # kept for ever
        (0, 0.0, 1_000.0, Rates(10.0, 10.0), None, None),
    ],
)
def test_when_retention_overtakes_the_reader(
    messages: int, seconds: float, kept: float | None, rates: Rates, left: float | None, overtaken: float | None
) -> None:
    assert figures.retention_left_seconds(messages, seconds, kept) == left
    assert figures.overtaken_seconds(left, rates) == overtaken


def test_an_open_transaction_holds_back_since_the_end_stood_still() -> None:
    looks = [
        looked(0, 50, 50),
        looked(30_000, 60, 60, held=5),
        looked(60_000, 60, 60, held=15),
        looked(90_000, 60, 60, held=40),
    ]
    assert figures.held_back_seconds(course(looks)) == 60.0
    assert figures.held_back_seconds(course([*looks, looked(120_000, 100, 60)])) == 0.0
    moving = [looked(n * 30_000, 50 + n, 50 + n, held=3) for n in range(5)]
    assert figures.held_back_seconds(course(moving)) == 0.0  # one transaction after the other is no hanging one


def test_of_a_group_that_stands_for_long_the_seconds_are_of_all_that_time() -> None:
    for active, messages_at_first in ((True, 0), (False, 600)):
        seen = Course()
        for number in range(2_000):
            at_ms, end = number * 30_000, 1_000 + 300 * number
            seen = after(seen, looked(at_ms, end, 1_000 - messages_at_first, active=active), 10)
            assert figures.behind(seen, at_ms).seconds == pytest.approx(at_ms / 1000, abs=0.01)


def test_of_a_group_that_is_far_behind_and_moves_the_seconds_are_right_without_reading_a_record() -> None:
    seen = Course()
    for number in range(2_000):
        at_ms, end = number * 30_000, 300 * number
        seen = after(seen, looked(at_ms, end, max(0, end - 10 * 3_600)), 10)  # an hour behind, of 10 a second
        if number > 130:
            assert figures.behind(seen, at_ms).seconds == pytest.approx(3_600, abs=0.01)


_looks = st.lists(
    st.tuples(
        st.integers(0, 60_000), st.integers(0, 500), st.integers(0, 9), st.one_of(st.none(), st.integers(0, 6_000)),
        st.booleans(), st.integers(0, 500), st.one_of(st.none(), st.integers(0, 700_000)),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


@st.composite
def courses(draw: st.DrawFn) -> Course:
    at_ms, end, seen = 0, 0, []
    for later_ms, more, held, committed, active, low, born in draw(_looks):
        at_ms, end = at_ms + later_ms, end + more
        if draw(st.integers(0, 12)) == 0:
            end = draw(st.integers(0, 20))
        seen.append(looked(at_ms, end, committed, active=active, low=min(low, end), held=held, born=born))
    return course(seen)


@given(courses(), st.integers(0, 10_000_000))
def test_no_figure_is_ever_nan_infinite_or_negative(seen: Course, later_ms: int) -> None:
    behind = figures.behind(seen, seen.now.at_ms + later_ms)
    rates = figures.rates(seen)
    left = figures.retention_left_seconds(seen.now.messages, behind.seconds, 604_800.0)
    found = (
        behind.seconds, rates.inflow, rates.outflow, figures.catch_up_seconds(seen.now.messages, rates), left,
        figures.overtaken_seconds(left, rates), figures.held_back_seconds(seen),
    )  # fmt: skip
    assert all(figure is None or (math.isfinite(figure) and figure >= 0) for figure in found)


@given(courses(), st.integers(0, 1_000_000), st.integers(1, 1_000_000))
def test_seconds_are_never_frozen_while_something_waits(seen: Course, at_ms: int, later_ms: int) -> None:
    now_ms = seen.now.at_ms + at_ms + 1_000_000
    early, late = figures.behind(seen, now_ms), figures.behind(seen, now_ms + later_ms)
    gone = late.seconds - early.seconds
    assert gone == pytest.approx(later_ms / 1000 if seen.now.messages else 0.0, abs=1e-3)
