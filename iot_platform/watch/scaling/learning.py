"""What is remembered from one decision to the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from iot_platform.watch.scaling.known import CHANGES_KEPT, Change, Known, Memory, Policy
from iot_platform.watch.scaling.room import rate_of_one

SCALING = "scaling"
_TRUSTED_FOR = 12
_LONGEST = 4
"""Doublings: 16 hours with the settings as they come."""


def learnt(known: Known, memory: Memory, policy: Policy, now: datetime) -> Memory:
    """With what this look shows. Rates count only of a time in which as many ran as were wanted."""
    steady = known.running == known.wanted
    steady_since = (memory.steady_since or now) if steady else None
    level = known.load is not None and known.load.level
    made = replace(memory, steady_since=steady_since, level_since=(memory.level_since or now) if level else None)
    if _proved(made, policy, now):
        made = replace(made, undone=0)
    rate = _rate(known, made, policy, now)
    return replace(made, rate=rate, rate_at=now) if rate else made


def _rate(known: Known, memory: Memory, policy: Policy, now: datetime) -> float | None:
    load = known.load
    if load is None or load.trouble or not load.behind or load.measured_seconds < policy.out_after_seconds:
        return None
    return rate_of_one(known, load) if settled(memory, policy, now) else None


def settled(memory: Memory, policy: Policy, now: datetime) -> bool:
    """Whether the last change, or the last restart, is long enough ago for its rebalance to be over."""
    return memory.steady_since is not None and (now - memory.steady_since).total_seconds() >= policy.settle_seconds


def changed(memory: Memory, change: Change, policy: Policy) -> Memory:
    """With a change more. A step out soon after one in takes it back: the next such try waits twice as long."""
    undone = memory.undone
    if change.after > change.before and _is_fresh_step_in(memory, policy, change.at):
        undone = min(_LONGEST, undone + 1)
    return replace(
        memory, steady_since=None, level_since=None, undone=undone, changes=(*memory.changes, change)[-CHANGES_KEPT:]
    )


def trusted_seconds(memory: Memory, policy: Policy) -> float:
    """For how long a rate that was seen speaks against a step in."""
    return float(_TRUSTED_FOR * policy.in_after_seconds * 2**memory.undone)


def _proved(memory: Memory, policy: Policy, now: datetime) -> bool:
    """The last step was one in, and has held."""
    last = memory.last
    return last is not None and last.after < last.before and not _is_fresh_step_in(memory, policy, now)


def _is_fresh_step_in(memory: Memory, policy: Policy, now: datetime) -> bool:
    last = memory.last
    if last is None or last.after >= last.before or last.who != SCALING:
        return False
    return (now - last.at).total_seconds() < 2 * policy.in_after_seconds + policy.settle_seconds
