"""F30, the decision: the culprit is found, its neighbours pass, and the size grows back."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from iot_platform.stream.poison import TRIES, PoisonHunt, Span


class Partition:
    """Records 0 to `records` - 1 of one partition, tried in batches as the hunt says until all are committed."""

    def __init__(self, records: int, bad: Collection[int], batch_max: int = 1_000) -> None:
        self.hunt = PoisonHunt(batch_max)
        self.batch_max = batch_max
        self.dead: list[int] = []
        self.valid: list[int] = []
        self.sizes: list[int] = []
        self.tries = 0
        self._records, self._bad, self._next = records, bad, 0

    def run(self) -> Partition:
        while self._next < self._records:
            self._try()
            assert self.tries < 1_000, "the hunt does not end"
        return self

    def _try(self) -> None:
        self.tries += 1
        limit = self.hunt.most([0])
        size = min(self.batch_max if limit is None else limit[1], self._records - self._next)
        batch = range(self._next, self._next + size)
        spans = {0: Span(batch[0], batch[-1], size)}
        self.sizes.append(size)
        if self.hunt.convicted(spans) is not None:
            self.dead.append(batch[0])
        elif any(number in self._bad for number in batch):
            self.hunt.failed(spans, f"cannot carry {batch[0]}")
            return
        else:
            self.valid.extend(batch)
        self.hunt.passed(spans)
        self._next = batch[-1] + 1


@pytest.mark.parametrize(
    ("records", "bad"),
    [
        (1, {0}),
        (2, {1}),
        (1_000, {0}),
        (1_000, {999}),
        (1_000, {500}),
        (1_000, {0, 999}),
        (1_000, {499, 500}),
        (3_000, {7, 8, 9, 1_500, 2_999}),
        (1_000, set(range(100, 110))),
        (5_000, set()),
    ],
)
def test_f30_exactly_the_culprits_are_convicted_and_their_neighbours_pass_in_order(records: int, bad: set[int]) -> None:
    done = Partition(records, bad).run()
    assert done.dead == sorted(bad)
    assert done.valid == [number for number in range(records) if number not in bad]


def test_f30_a_culprit_costs_few_tries_and_the_batch_is_whole_again_behind_it() -> None:
    done = Partition(20_000, {4_321}).run()
    # 3 to suspect, 10 halves of which each may cost a pass, 3 alone, 1 as a dead letter, and 10 doublings.
    assert done.tries - 20 <= 3 + 2 * 10 + TRIES + 1 + 10
    assert done.sizes[-3:] == [1_000, 1_000, 1_000] or sum(done.sizes[-4:]) >= 3_000


def test_f30_two_failures_at_one_place_convict_nobody() -> None:
    hunt = PoisonHunt(1_000)
    for _ in range(TRIES - 1):
        hunt.failed({0: Span(5, 104, 100)}, "once")
    assert hunt.most([0]) is None
    hunt.passed({0: Span(5, 104, 100)})
    for _ in range(TRIES - 1):
        hunt.failed({0: Span(105, 204, 100)}, "elsewhere")
    assert hunt.most([0]) is None


def test_f30_one_record_that_failed_alone_twice_is_not_dead_yet() -> None:
    hunt = PoisonHunt(1_000)
    one = {0: Span(5, 5, 1)}
    for _ in range(TRIES - 1):
        hunt.failed(one, "why")
        assert hunt.convicted(one) is None
    hunt.failed(one, "why")
    assert hunt.convicted(one) == "why"
    assert not hunt.stuck(one)


def test_f30_a_dead_letter_that_cannot_be_produced_either_is_stuck() -> None:
    hunt = PoisonHunt(1_000)
    one = {0: Span(5, 5, 1)}
    for _ in range(2 * TRIES):
        assert not hunt.stuck(one)
        hunt.failed(one, "why")
    assert hunt.stuck(one)


def test_f30_a_record_is_convicted_for_no_other_offset_and_no_other_partition() -> None:
    hunt = PoisonHunt(1_000)
    for _ in range(TRIES):
        hunt.failed({0: Span(5, 5, 1)}, "why")
    assert hunt.convicted({0: Span(6, 6, 1)}) is None
    assert hunt.convicted({1: Span(5, 5, 1)}) is None
    assert hunt.convicted({0: Span(5, 5, 1), 1: Span(5, 5, 1)}) is None
    hunt.forget(0)
    assert hunt.convicted({0: Span(5, 5, 1)}) is None


def test_f30_a_batch_of_several_partitions_is_halved_one_partition_at_a_time() -> None:
    hunt = PoisonHunt(1_000)
    spans = {0: Span(0, 9, 10), 2: Span(40, 59, 20)}
    for _ in range(TRIES):
        hunt.failed(spans, "why")
    assert hunt.most([1, 2]) == (2, 10)
    assert hunt.most([0, 2]) == (0, 5)
    assert hunt.most([1]) is None
