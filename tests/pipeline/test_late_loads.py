"""A loader that is late takes more at once, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from iot_platform.pipeline.load import rows_at_once


def test_who_is_in_time_loads_as_usual() -> None:
    assert rows_at_once(0, 50_000) == 50_000
    assert rows_at_once(50_000, 50_000) == 50_000


def test_who_is_late_loads_all_that_waits_at_once_up_to_four_times_as_much() -> None:
    assert rows_at_once(120_000, 50_000) == 120_000
    assert rows_at_once(1_000_000, 50_000) == 200_000


@hypothesis(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_it_is_never_less_than_usual_and_never_without_bound(waiting: int, usual: int) -> None:
    assert usual <= rows_at_once(waiting, usual) <= 4 * usual
