"""What breaks at random, when and for how long. Pure: the same plan, the same faults."""

from __future__ import annotations

import random
from dataclasses import dataclass

from iot_platform.supervision.plan import broker_program

VICTIMS = ("producer-iot_data", "validator-iot_data-0", "loader")
_ROUND_SECONDS = 200.0
_QUIET_SHARE = 0.25
"""Share of each round, at its end, in which nothing new breaks, so that recovery is tested too."""
_SLEEP_SECONDS = (5.0, 20.0)


@dataclass(frozen=True)
class Plan:
    seconds: float
    rate: float
    kills: int
    seed: int
    sleeps: int = 0
    brokers: int = 1
    several: bool = False

    @property
    def victims(self) -> tuple[str, ...]:
        return (*VICTIMS, *(broker_program(number) for number in range(1, self.brokers + 1)))

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.kills} kills and {self.sleeps} sleeps in {self.seconds:g} s "
            f"at {self.rate:g} messages a second"
        )


@dataclass(frozen=True)
class Fault:
    """What happens to whom, `at` seconds after the start. `seconds` None: killed; else asleep for so long."""

    at: float
    victim: str
    seconds: float | None


def faults(plan: Plan) -> list[Fault]:
    """In order of time; all victims in turn, shuffled."""
    chance = random.Random(plan.seed)
    rounds = max(1, round(plan.seconds / _ROUND_SECONDS))
    count = plan.kills + plan.sleeps
    victims = [plan.victims[number % len(plan.victims)] for number in range(count)]
    chance.shuffle(victims)
    lengths: list[float | None] = [chance.uniform(*_SLEEP_SECONDS) for _ in range(plan.sleeps)]
    lengths += [None] * plan.kills
    chance.shuffle(lengths)
    each = plan.seconds / rounds
    moments = [chance.randrange(rounds) * each + chance.uniform(0, each * (1 - _QUIET_SHARE)) for _ in range(count)]
    return [Fault(*one) for one in zip(sorted(moments), victims, lengths, strict=True)]
