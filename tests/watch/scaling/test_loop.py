"""In a closed loop with a model of a stream: it settles, catches up, gives back, and never swings to and fro."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from iot_platform.watch.scaling.known import Machine, Policy
from tests.watch.scaling.loop import Loop, turns

HOUR = 3_600.0


def always(value: float) -> Callable[[float], float]:
    return lambda _seconds: value


def even(partitions: int) -> list[float]:
    return [1 / partitions] * partitions


def test_a_load_above_one_validators_rate_gets_as_many_as_carry_it_and_keeps_them() -> None:
    loop = Loop(even(6), always(1_000), always(2_300)).run(HOUR / 2)
    assert loop.numbers[-1] in (3, 6), "some more than are enough for what arrives, while they work off the rest"
    loop.run(HOUR / 2)
    assert loop.numbers[-1] == 3
    assert loop.messages < 2_300 * 10
    assert turns(loop.numbers) == 1


def test_a_wave_is_worked_off_and_what_it_took_is_given_back_one_by_one() -> None:
    loop = Loop(even(6), always(1_000), lambda seconds: 3_500.0 if seconds < 900 else 300.0)
    loop.run(900)
    assert loop.numbers[-1] >= 4
    loop.run(HOUR)
    assert loop.numbers[-1] == 1
    steps = [change.after - change.before for change in loop.memory.changes if change.after < change.before]
    assert steps == [-1] * len(steps)
    assert turns(loop.numbers) == 1


def test_a_slow_hour_is_over_and_the_validators_are_given_back_because_they_idle() -> None:
    loop = Loop(even(4), lambda seconds: 200.0 if seconds < 1_200 else 5_000.0, always(600)).run(1_100)
    assert loop.numbers[-1] == 4
    loop.run(2_400)
    assert loop.numbers[-1] == 1
    assert turns(loop.numbers) == 1


def test_one_hot_partition_gets_no_validators_that_would_idle() -> None:
    loop = Loop([0.94, 0.02, 0.02, 0.02], always(1_000), always(2_000)).run(HOUR / 2)
    assert set(loop.numbers) == {1}
    assert "of the work is in partition 0" in loop.decisions[-1].why


def test_who_stands_still_gets_no_validators() -> None:
    loop = Loop(even(4), lambda seconds: 1_000.0 if seconds < 300 else 1e-9, always(500)).run(1_200)
    assert set(loop.numbers) == {1}
    assert "more validators would not" in loop.decisions[-1].why


def test_a_persons_number_holds_against_any_lag_and_is_given_back() -> None:
    loop = Loop(even(6), always(1_000), always(2_500)).fixed_at(1).run(1_200)
    assert set(loop.numbers) == {1}
    loop.fixed_at(None).run(1_800)
    assert loop.numbers[-1] >= 3


loads = st.floats(0, 20_000)
loops = st.builds(
    Loop,
    shares=st.integers(1, 12).map(even) | st.lists(st.floats(0.05, 1), min_size=1, max_size=8).map(
        lambda weights: [weight / sum(weights) for weight in weights]
    ),
    rate=st.floats(50, 5_000).map(always),
    arrivals=loads.map(always),
    least=st.integers(1, 3),
    most=st.integers(3, 12),
    machine=st.builds(Machine, st.integers(1, 16), st.integers(0, 8_000_000_000), st.just(250_000_000)),
    start_seconds=st.floats(1, 90),
)  # fmt: skip


@hypothesis(deadline=None, max_examples=25)  # a busy machine proves nothing
@given(loops)
def test_never_beyond_its_limits_and_never_to_and_fro_under_a_load_that_stays(loop: Loop) -> None:
    loop.wanted = loop.running = loop.least
    loop.run(2_400)
    ceiling = max(loop.least, min(loop.most, len(loop.shares)))
    assert all(loop.least <= number <= ceiling for number in loop.numbers)
    assert max(loop.numbers) <= max(loop.least, loop.machine.cores)
    assert all(after <= 2 * before for before, after in pairwise(loop.numbers))
    assert turns(loop.numbers) <= 1, [change.why for change in loop.memory.changes]
    assert len(set(loop.numbers[120:])) == 1, "in the last 20 minutes nothing changes any more"


@hypothesis(deadline=None, max_examples=12)
@given(st.integers(2, 12), st.floats(100, 5_000), st.floats(0.1, 0.95))
def test_a_load_that_so_many_partitions_can_carry_is_caught_up_with(partitions: int, rate: float, share: float) -> None:
    loop = Loop(even(partitions), always(rate), always(partitions * rate * share * 0.9)).run(2_400)
    assert loop.messages <= 10 * partitions * rate * share
    loop.arrivals = always(0.05 * rate)
    loop.run(partitions * 600 + 600)
    assert loop.numbers[-1] == 1, loop.decisions[-1].why


def test_tries_that_fail_become_rare() -> None:
    """Where nobody knows better one less is tried after 12 times `in_after_seconds`, then after 24, 48, 96 times."""
    policy = Policy(in_after_seconds=30)
    loop = Loop(even(2), always(1_000), always(1_500), policy=policy).run(HOUR * 2)
    steps_in = [change for change in loop.memory.changes if change.after < change.before]
    assert 2 <= len(steps_in) <= 5
    gaps = [(after.at - before.at).total_seconds() for before, after in pairwise(steps_in)]
    assert all(after > 1.5 * before for before, after in pairwise(gaps))
