"""A stream as a model, closed into a loop with the decision: arrivals, a rate a validator, partitions shared by number.

Everything between is real: courses, the judge of lag, the measuring and the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from iot_platform.watch.lag.course import Course, after
from iot_platform.watch.lag.judging import Circumstances, judge_group
from iot_platform.watch.scaling.deciding import decide
from iot_platform.watch.scaling.known import Decision, Known, Machine, Memory, Policy
from iot_platform.watch.scaling.measuring import load_of
from tests.watch.lag.courses import looked
from tests.watch.scaling.cases import NOON

TICK_SECONDS = 10
STEP_SECONDS = 2.5
LOOKS = 12
ALLOWED_SECONDS = 10.0


@dataclass
class Loop:
    """`shares` of the load by partition; `rate(seconds)` of one validator and `arrivals(seconds)` in all, a second."""

    shares: Sequence[float]
    rate: Callable[[float], float]
    arrivals: Callable[[float], float]
    most: int = 99
    least: int = 1
    machine: Machine = field(default_factory=lambda: Machine(64, 1 << 40, 1 << 28))
    policy: Policy = field(default_factory=Policy)
    start_seconds: float = 15.0
    """A new validator works after this long; while partitions are shared out anew, nobody does for 3 s."""

    wanted: int = 1
    running: int = 1
    fixed: int | None = None
    seconds: float = 0.0
    memory: Memory = field(default_factory=Memory)
    numbers: list[int] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ends = [0.0] * len(self.shares)
        self.taken = [0.0] * len(self.shares)
        self.courses = [Course() for _ in self.shares]
        self.busy = 0.0
        self.rebalance_until = 0.0
        self.started_at = 0.0

    @property
    def messages(self) -> int:
        return sum(int(end) - int(at) for end, at in zip(self.ends, self.taken, strict=True))

    @property
    def owners(self) -> dict[int, tuple[int, ...]]:
        places = range(len(self.shares))
        return {slot: tuple(places[slot :: self.running]) for slot in range(self.running)}

    def run(self, seconds: float) -> Loop:
        until = self.seconds + seconds
        while self.seconds < until:
            for _ in range(round(TICK_SECONDS / STEP_SECONDS)):
                self._step()
            self._tick()
        return self

    def _step(self) -> None:
        self.seconds += STEP_SECONDS
        if self.running != self.wanted and self.seconds >= self.started_at:
            self.running, self.rebalance_until = self.wanted, self.seconds + 3
        arriving, rate = STEP_SECONDS * self.arrivals(self.seconds), STEP_SECONDS * self.rate(self.seconds)
        for number, share in enumerate(self.shares):
            self.ends[number] += arriving * share
        if self.seconds < self.rebalance_until:
            return
        self.busy = 0.0
        for mine in self.owners.values():
            waiting = sum(self.ends[number] - self.taken[number] for number in mine)
            done = min(1.0, rate / waiting) if waiting else 0.0
            self.busy += min(1.0, waiting / rate) / self.running
            for number in mine:
                self.taken[number] += done * (self.ends[number] - self.taken[number])

    def _tick(self) -> None:
        now = NOON + timedelta(seconds=self.seconds)
        at_ms = int(now.timestamp() * 1000)
        for number, course in enumerate(self.courses):
            look = looked(at_ms, int(self.ends[number]), int(self.taken[number]))
            self.courses[number] = after(course, look, LOOKS)
        places = {("raw_s", number): course for number, course in enumerate(self.courses)}
        group = judge_group(Circumstances("validator-s", "STABLE"), places, at_ms)
        since = self.memory.steady_since or now
        since_ms = 1000 * (since.timestamp() + self.policy.settle_seconds)
        known = Known(
            wanted=self.wanted if self.fixed is None else self.fixed,
            running=self.running, least=self.least, most=self.most, partitions=len(self.shares), machine=self.machine,
            load=load_of(group, since_ms, self.policy.out_after_seconds, ALLOWED_SECONDS),
            owners=self.owners, busy_share=self.busy, fixed=self.fixed,
        )  # fmt: skip
        decision = decide(known, self.memory, self.policy, now)
        self.memory = decision.memory
        self.decisions.append(decision)
        self.numbers.append(decision.wanted)
        if decision.wanted != self.wanted:
            self.wanted, self.started_at = decision.wanted, self.seconds + self.start_seconds

    def fixed_at(self, number: int | None) -> Loop:
        self.fixed = number
        if number is not None:
            self.wanted, self.started_at = number, self.seconds + self.start_seconds
            self.memory = replace(self.memory, steady_since=None)
        return self


def turns(numbers: Sequence[int]) -> int:
    """How often the way changed from out to in or back."""
    ways = [after - before for before, after in pairwise(numbers) if after != before]
    return sum(first * second < 0 for first, second in pairwise(ways))
