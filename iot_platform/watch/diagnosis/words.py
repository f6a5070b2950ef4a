"""Pieces of sentences, and questions that several rules ask."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from iot_platform.clock import duration
from iot_platform.contract.topology import Topology
from iot_platform.watch.diagnosis.facts import INSIDE, Facts, PartitionFacts, ProcessFacts, Skew
from iot_platform.watch.diagnosis.limits import Limits

_PERCENT = 100
_SHOWN_SHARE = 0.005


def percent(share: float) -> str:
    return f"{_PERCENT * share:.0f} %"


def by_stage(one: ProcessFacts) -> str:
    """Where its time went, the most first."""
    spent = sorted(one.stages.items(), key=lambda item: -item[1])
    return (
        f"{one.name}: " + ", ".join(f"{name} {percent(share)}" for name, share in spent if share >= _SHOWN_SHARE) + "."
    )


def of_partition(one: PartitionFacts) -> Iterator[str]:
    yield f"{one.messages:,} wait there, the oldest for {duration(one.seconds)}."
    yield f"{one.inflow:,.0f} a second come, {one.outflow:,.0f} are taken."


def of_key(skew: Skew | None) -> Iterator[str]:
    if skew is not None:
        newest = f"its newest {skew.records:,} records, from {skew.keys:,} sensors"
        yield f"Of {newest}, {percent(skew.share)} are of {skew.key}."


def errors(facts: Facts, role: str = "") -> Iterator[str]:
    for one in facts.processes:
        if one.last_error and role in ("", one.role):
            yield f"{one.name}: {one.last_error}"


def waiting(facts: Facts, stream: str) -> str:
    count = sum(one.messages for one in facts.of_group(Topology(stream).validator_group))
    return f"{count:,} raw records wait."


def is_behind(one: PartitionFacts, limits: Limits) -> bool:
    return one.messages > 0 and one.seconds > limits.behind_seconds


def own_is_behind(facts: Facts, process: ProcessFacts, limits: Limits) -> bool:
    """Whether a partition of this validator is."""
    group = facts.of_group(Topology(process.stream).validator_group)
    return any(is_behind(one, limits) for one in group if not process.partitions or one.partition in process.partitions)


def inside(one: ProcessFacts) -> float:
    """The share of its time that a validator spends in its own code."""
    return sum(one.stages.get(stage, 0.0) for stage in INSIDE)


def answers_slowly(facts: Facts, limits: Limits) -> bool:
    """Whether Kafka does."""
    return bool(facts.round_trips) and statistics.median(facts.round_trips) >= limits.slow_round_trip_seconds


def is_starved(facts: Facts, limits: Limits) -> bool:
    return any((one.waited or 0.0) >= limits.waited_share for one in facts.processes)
