"""How many validators would be enough, how many the partitions share out to, and how many the machine carries."""

from __future__ import annotations

from collections.abc import Sequence

from iot_platform.watch.scaling import words
from iot_platform.watch.scaling.known import Known, Load

USED_SHARE = 0.8
"""Who gives a validator away wants the others to have a fifth of their time left: load comes in waves."""
HOT_SHARE = 0.8
"""Where one partition has so much of the work, the others are not worth a validator."""
_KEPT_BYTES = 500_000_000
"""Memory that is left to others."""


def fullest(loads: Sequence[float], validators: int) -> float:
    """What the busiest of `validators` gets at worst: Kafka shares out partitions by number, not by load."""
    each = -(-len(loads) // max(1, validators))
    return sum(sorted(loads, reverse=True)[:each])


def demands(load: Load, catch_up_seconds: float) -> dict[int, float]:
    """By partition, what is to be taken a second so that nothing waits after that time."""
    return {part.partition: part.inflow + part.messages / catch_up_seconds for part in load.parts}


def enough(load: Load, rate: float, catch_up_seconds: float, most: int) -> int:
    """The fewest validators of `rate` a second that take what arrives and, in that time, what waits; else `most`."""
    wanted = list(demands(load, catch_up_seconds).values())
    return next((number for number in range(1, most) if fullest(wanted, number) <= rate), most)


def carry(load: Load, rate: float, validators: int) -> bool:
    """Whether so many take with ease what arrives."""
    return fullest([part.inflow for part in load.parts], validators) <= USED_SHARE * rate


def rate_of_one(known: Known, load: Load) -> float | None:
    """What a validator takes a second that has more than it can take; None where none has.

    Who has a partition that lags is busy with it all the time. Where it is not known who has which, all are.
    """
    lagging = {part.partition for part in load.parts if part.lagging}
    if not lagging or not known.running:
        return None
    taken = {part.partition: part.outflow for part in load.parts}
    busy = [owned for owned in (known.owners or {}).values() if lagging & set(owned)]
    if busy and lagging <= {number for owned in busy for number in owned}:
        return sum(taken.get(number, 0.0) for owned in busy for number in owned) / len(busy)
    return load.outflow / min(known.running, max(1, known.partitions))


def rate_while_idle(known: Known, load: Load) -> float | None:
    """A rate that one validator surely reaches, from how little of its time it works now.

    Surely, for bigger batches cost less a record. With few records in each batch it is far below what it can.
    """
    if not known.busy_share or not known.running:
        return None
    return load.outflow / known.running / min(1.0, known.busy_share)


def hot_partition(load: Load, catch_up_seconds: float) -> tuple[int, float] | None:
    """The partition with nearly all of the work, and its share of it."""
    if len(load.parts) < 2:
        return None
    wanted = demands(load, catch_up_seconds)
    total, number = sum(wanted.values()), max(wanted, key=wanted.__getitem__)
    share = wanted[number] / total if total else 0.0
    return (number, share) if share >= HOT_SHARE else None


def has_own_validator(known: Known, load: Load) -> bool:
    """Whether each partition that lags is alone with its validator."""
    lagging = {part.partition for part in load.parts if part.lagging}
    alone = {owned[0] for owned in (known.owners or {}).values() if len(owned) == 1}
    return bool(lagging) and lagging <= alone


def carried(known: Known, cpu_share: float | None) -> tuple[int, str]:
    """How many the machine carries, at least as many as run, and in words what is short."""
    machine, now = known.machine, known.wanted
    if cpu_share is not None and machine.cpu_share is not None and machine.cpu_share >= cpu_share:
        return now, f"{100 * machine.cpu_share:.0f} % of its processors are in use (scaling.cpu_share)"
    more = max(0, machine.free_bytes - _KEPT_BYTES) // max(1, machine.each_bytes)
    if now + more < machine.cores:
        short = (
            f"{machine.free_bytes / 1e6:,.0f} MB of memory are free, and one takes {machine.each_bytes / 1e6:,.0f} MB"
        )
        return now + more, short
    return max(now, machine.cores), f"it has {words.counted(machine.cores, 'processor')}"
