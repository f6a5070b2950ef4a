"""When a stream's run stops: each reason, how often each is asked, and what signals do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

import pytest

from iot_platform.clock import ManualClock
from iot_platform.orchestration.streams.stopping import Reason, RunState, RunStop, StopPolicy

POLICY = StopPolicy(recycle_seconds=3600, ask_run_seconds=10, ask_wanted_seconds=1)


class World:
    """What a run asks, under the test's control, with a count of the questions."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.state = RunState.GOES_ON
        self.wanted = True
        self.asked_state = self.asked_wanted = 0

    def run_state(self) -> RunState:
        self.asked_state += 1
        return self.state

    def is_wanted(self) -> bool:
        self.asked_wanted += 1
        return self.wanted

    def stop(self, parent_pid: int | None = None) -> RunStop:
        return RunStop(
            POLICY, self.clock, run_state=self.run_state, is_wanted=self.is_wanted,
            parent_pid=os.getppid() if parent_pid is None else parent_pid,
        )  # fmt: skip


@pytest.fixture
def world() -> World:
    return World()


def test_a_run_that_nothing_is_wrong_with_goes_on(world: World) -> None:
    stop = world.stop()
    for _ in range(3599):
        assert not stop.requested
        world.clock.advance(1)
    assert stop.reason is None


def _unwanted(world: World) -> None:
    world.wanted = False


def _canceling(world: World) -> None:
    world.state = RunState.CANCELING


def _over(world: World) -> None:
    world.state = RunState.OVER


@pytest.mark.parametrize(
    ("change", "after_seconds", "reason"),
    [
        (_unwanted, 1, Reason.UNWANTED),
        (_canceling, 10, Reason.TERMINATED),
        (_over, 10, Reason.RUN_OVER),
        (lambda _world: None, 3600, Reason.RECYCLED),
    ],
)
def test_each_reason_stops_within_its_polling_interval(
    world: World, change: Callable[[World], None], after_seconds: int, reason: Reason
) -> None:
    stop = world.stop()
    assert not stop.requested
    change(world)
    for _ in range(10 * after_seconds - 1):
        world.clock.advance(0.1)
        assert not stop.requested
    world.clock.advance(0.2)
    assert stop.requested
    assert stop.reason is reason


def test_a_slot_that_is_not_wanted_at_its_start_stops_at_once(world: World) -> None:
    world.wanted = False
    stop = world.stop()
    assert stop.requested
    assert stop.reason is Reason.UNWANTED


def test_a_run_whose_parent_is_gone_stops_at_the_next_look(world: World) -> None:
    stop = world.stop(parent_pid=os.getppid() + 1)
    assert stop.requested
    assert stop.reason is Reason.ORPHANED


def test_waiting_notices_that_the_parent_is_gone(world: World) -> None:
    stop = world.stop(parent_pid=os.getppid() + 1)
    assert stop.wait(0)
    assert stop.reason is Reason.ORPHANED


def test_the_first_reason_counts(world: World) -> None:
    stop = world.stop()
    stop.stop(Reason.UNWANTED)
    stop.stop(Reason.TERMINATED)
    world.state = RunState.OVER
    world.clock.advance(7200)
    assert stop.requested
    assert stop.reason is Reason.UNWANTED


def test_of_reasons_that_come_together_the_gone_parent_is_told(world: World) -> None:
    stop = world.stop(parent_pid=os.getppid() + 1)
    world.wanted, world.state = False, RunState.CANCELING
    world.clock.advance(7200)
    assert stop.requested
    assert stop.reason is Reason.ORPHANED


def test_what_is_asked_costs_no_more_than_its_interval_allows(world: World) -> None:
    stop = world.stop()
    for _ in range(400):  # 100 s, in quarters that binary fractions can say exactly
        assert not stop.requested
        world.clock.advance(0.25)
    assert world.asked_wanted == 100
    assert world.asked_state == 9


def test_a_stopped_run_asks_nobody_any_more(world: World) -> None:
    stop = world.stop()
    stop.stop(Reason.TERMINATED)
    world.clock.advance(7200)
    assert stop.requested
    assert world.asked_wanted == world.asked_state == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_within_the_block_asks_for_a_stop(world: World, number: signal.Signals) -> None:
    stop = world.stop()
    with stop.listening():
        signal.raise_signal(number)
        assert stop.requested
    assert stop.reason is Reason.TERMINATED


def _break_while_listening(stop: RunStop) -> None:
    with stop.listening():
        raise ValueError("boom")


def test_the_handlers_of_before_are_put_back_whatever_happens(world: World) -> None:
    def mine(_signum: int, _frame: FrameType | None) -> None: ...

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, mine) for number in numbers}
    try:
        with pytest.raises(ValueError, match="boom"):
            _break_while_listening(world.stop())
        assert all(signal.getsignal(number) is mine for number in numbers)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
