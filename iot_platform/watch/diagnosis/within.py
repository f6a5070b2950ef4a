"""Causes within a stream: its validators, its records, how they spread. One cause, one function."""

from __future__ import annotations

from collections.abc import Iterator

from iot_platform.clock import duration
from iot_platform.contract.topology import Topology
from iot_platform.watch.diagnosis.facts import INSIDE, Facts, ProcessFacts, Skew
from iot_platform.watch.diagnosis.limits import Limits
from iot_platform.watch.diagnosis.verdict import Verdict
from iot_platform.watch.diagnosis.words import (
    answers_slowly,
    by_stage,
    inside,
    is_behind,
    is_starved,
    of_key,
    of_partition,
    own_is_behind,
    percent,
    waiting,
)

_OF_TWO = 0.75
"""Of two partitions one has half by chance: hot is three quarters."""
_NAMES = {"decode": "decoding", "rules": "the rules", "sort": "sorting what was judged", "dedup": "looking up ids"}
_ADVICE = {
    "decode": "See whether records became larger or odder: `iot-platform dlq list`, and at the sources.",
    "rules": "See whether the catalogue was changed, and how many records are dead or repaired: they cost most here.",
    "sort": "See how many records are dead or have headers: these cost most here.",
    "dedup": "With validator.dedup_store = rocksdb a slow disk shows here; in memory, very many ids.",
}


def nobody_validates(facts: Facts, _: Limits) -> Iterator[Verdict]:
    for stream in facts.streams:
        wanted = facts.wanted.get(stream, 0)
        if wanted and not facts.validators(stream) and stream not in facts.paused:
            yield Verdict(
                "nobody_validates",
                90,
                stream,
                f"No validator of {stream} runs, and {wanted} should.",
                (waiting(facts, stream),),
                "`iot-platform streams list` says why it is off; `iot-platform up` starts what is missing.",
            )


def fewer_validators(facts: Facts, _: Limits) -> Iterator[Verdict]:
    for stream in facts.streams:
        wanted, there = facts.wanted.get(stream, 0), len(facts.validators(stream))
        if 0 < there < wanted:
            yield Verdict(
                "fewer_validators",
                40,
                stream,
                f"{there} of {wanted} validators of {stream} run.",
                (waiting(facts, stream),),
                "`iot-platform streams list` says why the others do not.",
            )


def paused(facts: Facts, _: Limits) -> Iterator[Verdict]:
    for stream, why in facts.paused.items():
        yield Verdict(
            "paused",
            80,
            stream,
            f"{stream} is paused: {why}",
            (waiting(facts, stream),),
            f"Mend what is wrong, then `iot-platform streams resume {stream}`.",
        )


def poison(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    """Transactions are aborted for other reasons, too: those that tell of a lost session are `rebalances`."""
    for one in facts.processes:
        if one.role != "validator" or not (one.unprocessable or one.aborts >= limits.aborts):
            continue
        evidence = [f"{one.aborts} transactions were aborted within {duration(facts.seconds)}."]
        if one.unprocessable:
            evidence.append(f"{one.unprocessable} records became dead letters, as unprocessable.")
        if one.last_error:
            evidence.append(f"Its last error: {one.last_error}")
        yield Verdict(
            "poison",
            70 if one.aborts >= limits.aborts else 20,
            one.name,
            f"{one.name} meets records that its code or Kafka refuses; each makes its batch fail.",
            tuple(evidence),
            "`iot-platform dlq list --reason unprocessable` shows them with their error; the stream goes on by itself.",
        )


def rebalances(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    for stream in facts.streams:
        mine = [one for one in facts.processes if one.role == "validator" and one.stream == stream]
        sessions = sum(one.sessions for one in mine)
        if max((one.rebalances for one in mine), default=0) < limits.rebalances and sessions < limits.rebalances:
            continue
        moves = sum(one.rebalances for one in mine)
        yield Verdict(
            "rebalances",
            65,
            stream,
            f"Partitions of {stream} move between its validators again and again; each move reads the ledger anew.",
            (
                f"{moves} moves and {sessions} lost sessions within {duration(facts.seconds)}.",
                *(f"{one.name}: {one.last_error}" for one in mine if one.last_error),
            ),
            "See in their logs who leaves and comes: a process that starts again and again, a lost network, a machine "
            "that stands still for longer than validator.session_timeout_seconds.",
        )


def hot_partition(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    for stream in facts.streams:
        group = facts.of_group(Topology(stream).validator_group)
        total = sum(one.inflow for one in group)
        if len(group) < 2 or total <= 0:
            continue
        hot = max(group, key=lambda one: one.inflow)
        share, others = hot.inflow / total, (total - hot.inflow) / (len(group) - 1)
        least = limits.hot_share if len(group) > 2 else max(limits.hot_share, _OF_TWO)
        if share < least or hot.inflow < limits.hot_times * others or not is_behind(hot, limits):
            continue
        place = f"{hot.topic}/{hot.partition}"
        skew = next((one for one in facts.skews if (one.topic, one.partition) == (hot.topic, hot.partition)), None)
        yield Verdict(
            "hot_partition",
            53,
            place,
            f"{place} gets {percent(share)} of all that comes, and one validator has to take that alone.",
            (*of_partition(hot), *of_key(skew)),
            _against(skew, limits),
        )


def slow_code(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    if is_starved(facts, limits):
        return
    for one in facts.processes:
        if one.role != "validator" or not one.stages or not own_is_behind(facts, one, limits):
            continue
        if inside(one) < limits.busy_share:
            continue
        stage = max(INSIDE, key=lambda name: one.stages.get(name, 0.0))
        yield Verdict(
            "slow_code",
            50,
            one.name,
            f"{one.name} is behind, and busy: {percent(one.stages[stage])} of its time goes into {_NAMES[stage]}.",
            (f"It takes {one.records or 0:,.0f} records a second.", by_stage(one)),
            _ADVICE[stage] + _more_validators(facts, one),
        )


def too_few_validators(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    """All are busy, none for a cause that is told elsewhere."""
    if answers_slowly(facts, limits) or is_starved(facts, limits):
        return
    for stream in facts.streams:
        group, there = facts.of_group(Topology(stream).validator_group), facts.validators(stream)
        behind = [one for one in group if is_behind(one, limits) and one.inflow > one.outflow]
        idle = [one for one in there if one.stages.get("fetch", 1.0) > 1 - limits.busy_share]
        if any(inside(one) >= limits.busy_share for one in there):
            continue
        if not there or idle or len(there) >= len(group) or 2 * len(behind) <= len(group):
            continue
        came, taken = sum(one.inflow for one in group), sum(one.outflow for one in group)
        yield Verdict(
            "too_few_validators",
            45,
            stream,
            f"{stream} has too few validators, {len(there)}: they take {taken:,.0f} of {came:,.0f} a second.",
            tuple(by_stage(one) for one in there),
            f"`iot-platform streams scale {stream} {len(there) + 1}`, at most {len(group)}.",
        )


def much_dead(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    for one in facts.processes:
        share = one.dead_share or 0.0
        if one.role == "validator" and share >= limits.dead_share:
            yield Verdict(
                "much_dead",
                30,
                one.name,
                f"{percent(share)} of what {one.name} reads is dead; such records cost more than others.",
                (f"It takes {one.records or 0:,.0f} records a second.",),
                "`iot-platform dlq list` says why they are dead.",
            )


def _against(skew: Skew | None, limits: Limits) -> str:
    if skew is not None and skew.share >= limits.hot_share:
        return f"See why {skew.key} sends so much: a sensor stays on one partition, so more validators do not help."
    return "More partitions spread the sensors anew; more validators do not help while one partition has it all."


def _more_validators(facts: Facts, one: ProcessFacts) -> str:
    if len(facts.validators(one.stream)) >= len(facts.of_group(Topology(one.stream).validator_group)):
        return ""
    return f" Or more validators, at most one a partition: `iot-platform streams scale {one.stream}`."
