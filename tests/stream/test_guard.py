"""V8, the decision: a table of streams, and whether and when the guard pauses them."""

from __future__ import annotations

from collections import Counter

import pytest

from iot_platform.stream.guard import GuardPolicy, OverflowGuard, Tally

POLICY = GuardPolicy(share=0.95, records=2_000, seconds=30)
START_MS = 1_800_000_000_000


class Stream:
    """Feeds a guard, batch after batch, until it trips; stream time goes on from one batch to the next."""

    def __init__(self, guard: OverflowGuard) -> None:
        self.guard = guard
        self.now_ms = START_MS
        self.committed = 0
        self.dead = 0
        self.tripped: Tally | None = None

    def run(self, seconds: float, rate: float, share_dead: float, batch_seconds: float = 1.0) -> Stream:
        """`rate` records a second for `seconds` of stream time."""
        for _ in range(round(seconds / batch_seconds)):
            records = max(1, round(rate * batch_seconds))
            dead = round(records * share_dead)
            newest_ms = self.now_ms + round(batch_seconds * 1000)
            batch = Tally(records, dead, Counter(not_json=dead), self.now_ms, newest_ms)
            self.now_ms = newest_ms
            self.tripped = self.guard.trips(batch)
            if self.tripped is not None:
                return self
            self.guard.committed(batch)
            self.committed += records
            self.dead += dead
        return self


def stream(**policy: float) -> Stream:
    return Stream(OverflowGuard(GuardPolicy(**{**POLICY.__dict__, **policy})))


@pytest.mark.parametrize(
    ("seconds", "rate", "share_dead", "trips"),
    [
        (600, 1_000, 1.00, True),
        (600, 1_000, 0.96, True),
        (600, 1_000, 0.90, False),
        (600, 1_000, 0.01, False),
        (600, 1_000, 0.00, False),
        (29, 100_000, 1.00, False),  # a burst
        (31, 100_000, 1.00, True),
        (199, 10, 1.00, False),  # 10 a second: 2,000 records take 200 s
        (201, 10, 1.00, True),
        (3_600, 0.5, 1.00, False),
        (4_001, 0.5, 1.00, True),
    ],
)
def test_v8_a_stream_pauses_when_nearly_all_of_enough_records_over_enough_time_are_dead(
    seconds: float, rate: float, share_dead: float, trips: bool
) -> None:
    batch_seconds = max(1.0, 1 / rate)
    assert (stream().run(seconds, rate, share_dead, batch_seconds).tripped is not None) is trips


def test_v8_a_good_past_does_not_hide_a_bad_present() -> None:
    fed = stream().run(3_600, 1_000, 0.01)
    poured = fed.run(600, 1_000, 1.0).dead
    assert fed.tripped is not None
    assert poured - 36_000 <= 30_000


def test_v8_a_backlog_is_judged_by_its_own_time_and_not_by_the_clock_on_the_wall() -> None:
    fed = stream().run(seconds=60, rate=1_000, share_dead=1.0, batch_seconds=10)
    assert fed.dead == 20_000  # two batches of 10 s; the third makes it half a minute


def test_v8_a_batch_of_a_long_backlog_is_enough_by_itself() -> None:
    guard = OverflowGuard(POLICY)
    guard.committed(Tally(10_000, 100, {}, START_MS, START_MS + 60_000))
    assert guard.trips(Tally(10_000, 9_990, {"range": 9_990}, START_MS + 60_000, START_MS + 120_000)) is not None


def test_v8_it_tells_the_share_and_the_reasons_of_what_it_judged() -> None:
    tripped = stream().run(600, 100, 1.0).tripped
    assert tripped is not None
    assert tripped.share == 1.0
    assert tripped.by_reason == {"not_json": tripped.dead}
    assert 2_000 <= tripped.records <= 3_100
    assert tripped.seconds >= 30


def test_v8_a_share_of_0_switches_it_off() -> None:
    fed = stream(share=0).run(3_600, 1_000, 1.0)
    assert fed.tripped is None


def test_v8_tripping_remembers_nothing_so_the_same_batch_trips_again() -> None:
    fed = stream().run(600, 1_000, 1.0)
    batch = Tally(1_000, 1_000, {}, fed.now_ms - 1_000, fed.now_ms)
    assert fed.guard.trips(batch) is not None
    assert fed.guard.trips(batch) is not None


def test_v8_after_a_resume_all_is_let_through_until_the_share_is_below_the_limit_and_then_it_is_armed_anew() -> None:
    fed = stream().run(600, 1_000, 1.0)
    fed.guard.disarm()
    assert fed.run(3_600, 1_000, 1.0).tripped is None
    assert not fed.guard.armed
    assert fed.run(29, 1_000, 0.0).tripped is None
    assert fed.guard.armed
    assert fed.run(600, 1_000, 1.0).tripped is not None


def test_v8_one_good_batch_after_a_resume_does_not_arm_it() -> None:
    fed = stream().run(600, 1_000, 1.0)
    fed.guard.disarm()
    fed.run(1, 1_000, 0.0)
    assert not fed.guard.armed
    assert fed.run(3_600, 1_000, 1.0).tripped is None


def test_v8_a_slow_stream_of_tiny_batches_is_remembered_in_few_pieces() -> None:
    fed = stream().run(seconds=4_000, rate=0.5, share_dead=0.5, batch_seconds=2)
    assert len(fed.guard._past) <= 120
