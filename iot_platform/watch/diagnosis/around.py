"""Causes around the streams: Kafka, the machine, the warehouse. One cause, one function."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from iot_platform.clock import duration
from iot_platform.contract.topology import Topology
from iot_platform.watch.diagnosis.facts import Facts
from iot_platform.watch.diagnosis.limits import Limits
from iot_platform.watch.diagnosis.verdict import Verdict
from iot_platform.watch.diagnosis.words import answers_slowly, errors, is_starved, percent

_LATE_TIMES = 6


def kafka_unreachable(facts: Facts, _: Limits) -> Iterator[Verdict]:
    if not facts.reachable:
        yield Verdict(
            "kafka_unreachable",
            100,
            "kafka",
            "Kafka does not answer: nothing moves until it does.",
            tuple(errors(facts)),
            "`iot-platform broker status` says whether our own runs, and where its log is.",
        )


def slow_broker(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    """Not where processes get no processor: then our own question waited for one, too."""
    if not facts.reachable or not answers_slowly(facts, limits) or is_starved(facts, limits):
        return
    middle_ms = 1000 * statistics.median(facts.round_trips)
    evidence = [f"Half of {len(facts.round_trips)} questions took longer than {middle_ms:,.0f} ms."]
    evidence += [
        f"{one.name} spent {percent(spent)} of its time handing records and commits to Kafka."
        for one in facts.processes
        if (spent := one.stages.get("commit", 0.0) + one.stages.get("produce", 0.0))
    ]
    yield Verdict(
        "slow_broker",
        55,
        "kafka",
        f"Kafka answers slowly: {middle_ms:,.0f} ms for a small question.",
        tuple(evidence),
        "`iot-platform cluster` shows brokers and disk; else it is the network, or a broker's machine that is busy.",
    )


def starved_cpu(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    starved = [one for one in facts.processes if (one.waited or 0.0) >= limits.waited_share]
    if not starved:
        return
    worst = max(starved, key=lambda one: one.waited or 0.0)
    ran = [
        f"{one.name} waited {percent(one.waited or 0.0)} of the time, and ran {percent(one.cpu or 0.0)}."
        for one in starved
    ]
    yield Verdict(
        "starved_cpu",
        51,
        worst.name,
        f"{worst.name} had work and got no processor for {percent(worst.waited or 0.0)} of the time.",
        (f"{facts.machine.cores} cores were {percent(facts.machine.busy)} busy.", *ran),
        "Take other work off this machine, or give it more cores; a container's limit counts as the machine.",
    )


def warehouse_locked(facts: Facts, _: Limits) -> Iterator[Verdict]:
    if facts.holder:
        yield Verdict(
            "warehouse_locked",
            60,
            "warehouse",
            f"DuckDB's file is held, so nothing is loaded. {facts.holder}",
            tuple(errors(facts, "loader")),
            "End that process, or let it ask the reader's copy, as `iot-platform query` does; see the runbook.",
        )


def slow_loader(facts: Facts, limits: Limits) -> Iterator[Verdict]:
    if facts.holder or not facts.reachable:
        return
    loaders = [one for one in facts.processes if one.role == "loader" and one.alive]
    for stream in facts.streams:
        group = facts.of_group(Topology(stream).loader_group)
        late = [one for one in group if one.messages and one.seconds > _LATE_TIMES * limits.behind_seconds]
        if not late:
            continue
        waits = duration(max(one.seconds for one in late))
        evidence = [f"{sum(one.messages for one in late):,} offsets wait, the oldest for {waits}."]
        evidence += [f"A load takes {one.write_seconds:.1f} s." for one in loaders if one.write_seconds is not None]
        yield Verdict(
            "slow_loader",
            42,
            stream,
            f"The loader is behind with {stream}: rows come {waits} late.",
            (*evidence, *errors(facts, "loader")),
            "There is one writer: larger loads (warehouse.batch_rows), a faster disk, or less beside it on its file.",
        )
