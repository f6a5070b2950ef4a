"""Each planted cause is named, and by its own name alone; a healthy platform is told to be well. A table of cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from iot_platform.watch.diagnosis.facts import STAGES, Facts, MachineFacts, PartitionFacts, ProcessFacts, Skew
from iot_platform.watch.diagnosis.judging import summary_of, verdicts_of
from iot_platform.watch.diagnosis.limits import Limits
from iot_platform.watch.diagnosis.verdict import Cause

STREAM = "iot_data"
RAW, VALIDATORS, LOADERS = "raw_iot_data", "validator-iot_data", "loader-iot_data"
IDLE = {"fetch": 0.9, "decode": 0.01, "rules": 0.01, "sort": 0.01, "dedup": 0.01, "produce": 0.02, "commit": 0.04}
BUSY = {"fetch": 0.05, "decode": 0.1, "rules": 0.15, "sort": 0.1, "dedup": 0.05, "produce": 0.25, "commit": 0.3}


def validator(slot: int = 0, **changed: Any) -> ProcessFacts:
    one = ProcessFacts(
        f"validator-iot_data-{slot}", "validator", True, STREAM, cpu=0.1, waited=0.02, memory_bytes=200_000_000,
        records=300.0, dead_share=0.01, partitions=(0, 1, 2), stages=IDLE,
    )  # fmt: skip
    return replace(one, **changed)


def partition(number: int, **changed: Any) -> PartitionFacts:
    return replace(PartitionFacts(VALIDATORS, RAW, number, 3, 0.2, 100.0, 100.0), **changed)


LOADER = ProcessFacts("loader", "loader", True, cpu=0.05, waited=0.01, records=300.0, write_seconds=0.2)
PRODUCER = ProcessFacts("producer-iot_data-fleet", "producer", True, STREAM, cpu=0.1, waited=0.01, records=300.0)
LOADED = PartitionFacts(LOADERS, "validated_iot_data", 0, 500, 4.0, 100.0, 90.0)
WELL = Facts(
    seconds=10.0,
    reachable=True,
    round_trips=(0.003, 0.004, 0.002),
    processes=(PRODUCER, validator(), LOADER),
    partitions=(partition(0), partition(1), partition(2), LOADED),
    machine=MachineFacts(2, 0.4, 4_000_000_000),
    wanted={STREAM: 1},
)


def with_validator(**changed: Any) -> Facts:
    return replace(WELL, processes=(PRODUCER, validator(**changed), LOADER))


def late(**changed: Any) -> tuple[PartitionFacts, ...]:
    """All partitions behind, and more so every second."""
    gone = {"messages": 50_000, "seconds": 60.0, "inflow": 1_000.0, "outflow": 500.0, **changed}
    return (*(partition(number, **gone) for number in range(3)), LOADED)


HOT = (
    partition(0, messages=90_000, seconds=90.0, inflow=2_800.0, outflow=1_500.0), partition(1), partition(2), LOADED,
)  # fmt: skip

PLANTED: Mapping[str, tuple[Facts, list[str], str]] = {
    "slow code: rules": (
        replace(with_validator(stages={**BUSY, "rules": 0.7, "produce": 0.0, "commit": 0.05}), partitions=late()),
        ["slow_code"],
        "validator-iot_data-0 is behind, and busy: 70 % of its time goes into the rules.",
    ),
    "slow code: looking up ids": (
        replace(with_validator(stages={**BUSY, "dedup": 0.8, "produce": 0.0, "commit": 0.0}), partitions=late()),
        ["slow_code"],
        "looking up ids",
    ),
    "slow broker": (
        replace(
            with_validator(stages={**IDLE, "fetch": 0.1, "commit": 0.85}), partitions=late(),
            round_trips=(0.3, 0.31, 0.35),
        ),
        ["slow_broker"],
        "Kafka answers slowly: 310 ms for a small question.",
    ),
    "hot partition": (
        replace(WELL, partitions=HOT, skews=(Skew(RAW, 0, 2_000, "temperature-17", 0.8, 40),)),
        ["hot_partition"],
        "raw_iot_data/0 gets 93 % of all that comes",
    ),
    "starved CPU": (
        replace(with_validator(waited=0.7, cpu=0.2), partitions=late(), round_trips=(0.2, 0.4, 0.3)),
        ["starved_cpu"],
        "validator-iot_data-0 had work and got no processor for 70 % of the time.",
    ),
    "rebalance storm": (
        with_validator(rebalances=5, sessions=4, aborts=1, last_error="_FENCED: fenced"),
        ["rebalances"],
        "Partitions of iot_data move between its validators again and again",
    ),
    "poison": (
        with_validator(aborts=12, unprocessable=2, last_error="RecursionError: too deep"),
        ["poison"],
        "validator-iot_data-0 meets records that its code or Kafka refuses",
    ),
    "DuckDB locked": (
        replace(
            WELL, holder="Process 4711 (python) has it.",
            partitions=(*WELL.partitions[:3], replace(LOADED, messages=80_000, seconds=200.0)),
        ),
        ["warehouse_locked"],
        "DuckDB's file is held, so nothing is loaded. Process 4711 (python) has it.",
    ),
    "Kafka away": (
        replace(WELL, reachable=False, round_trips=(), partitions=()),
        ["kafka_unreachable"],
        "Kafka does not answer: nothing moves until it does.",
    ),
    "nobody validates": (
        replace(WELL, processes=(PRODUCER, validator(alive=False), LOADER)),
        ["nobody_validates"],
        "No validator of iot_data runs, and 1 should.",
    ),
    "fewer validators than there should be": (
        replace(WELL, wanted={STREAM: 2}),
        ["fewer_validators"],
        "1 of 2 validators of iot_data run.",
    ),
    "too few validators": (
        replace(with_validator(stages=BUSY), partitions=late()),
        ["too_few_validators"],
        "iot_data has too few validators, 1: they take 1,500 of 3,000 a second.",
    ),
    "paused": (
        replace(WELL, paused={STREAM: "95 % of it is dead."}, processes=(PRODUCER, LOADER)),
        ["paused"],
        "iot_data is paused: 95 % of it is dead.",
    ),
    "slow loader": (
        replace(WELL, partitions=(*WELL.partitions[:3], replace(LOADED, messages=9_000, seconds=180.0))),
        ["slow_loader"],
        "The loader is behind with iot_data: rows come 3 min late.",
    ),
    "much of it dead": (with_validator(dead_share=0.8), ["much_dead"], "80 % of what validator-iot_data-0 reads"),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "causes", "text"), PLANTED.values(), ids=PLANTED)
def test_a_planted_cause_is_named_and_nothing_else_is(facts: Facts, causes: list[str], text: str) -> None:
    found = verdicts_of(facts)
    assert [verdict.cause for verdict in found] == causes
    assert text in found[0].text
    assert found[0].what_to_do.endswith(".")
    assert all(evidence.endswith(".") or ": " in evidence for evidence in found[0].evidence)


def test_every_cause_has_its_case() -> None:
    assert {cause for _, causes, _ in PLANTED.values() for cause in causes} == set(get_args(Cause))


FINE: Mapping[str, Facts] = {
    "all at rest": WELL,
    "busy and level": with_validator(stages=BUSY, cpu=0.9),
    "busy machine that keeps up": replace(WELL, machine=MachineFacts(2, 1.0, 10**9)),
    "one rebalance, of a start": with_validator(rebalances=1, sessions=1),
    "one abort": with_validator(aborts=1, last_error="an old one"),
    "a backlog that shrinks": replace(with_validator(stages=BUSY), partitions=late(inflow=100.0, outflow=900.0)),
    "all in one partition, and taken": replace(WELL, partitions=(partition(0, inflow=900.0), *WELL.partitions[1:])),
    "a stream with one partition": replace(WELL, partitions=(partition(0, inflow=900.0, messages=9),)),
    "two partitions, one by chance ahead": replace(
        WELL, partitions=(partition(0, inflow=600.0, seconds=20.0), partition(1, inflow=400.0))
    ),
    "nothing runs here": Facts(10.0, True, (0.002,), (), (), MachineFacts(2, 0.1, 10**9)),
    "what is not known": with_validator(cpu=None, waited=None, records=None, dead_share=None, stages={}),
}


@pytest.mark.parametrize("facts", FINE.values(), ids=FINE)
def test_a_platform_that_is_well_is_told_so(facts: Facts) -> None:
    assert verdicts_of(facts) == []
    assert summary_of(facts, []).startswith("Well: ")


def test_the_heaviest_comes_first_and_the_summary_says_how_many_more() -> None:
    both = replace(with_validator(dead_share=0.8), holder="Process 4711 has it.", paused={STREAM: "by hand."})
    found = verdicts_of(both)
    assert [verdict.cause for verdict in found] == ["paused", "warehouse_locked", "much_dead"]
    assert summary_of(both, found) == "iot_data is paused: by hand. And 2 more."


def test_a_hot_partition_names_the_sensor_that_makes_it_so() -> None:
    facts, *_ = PLANTED["hot partition"]
    (verdict,) = verdicts_of(facts)
    assert "Of its newest 2,000 records, from 40 sensors, 80 % are of temperature-17." in verdict.evidence
    assert "See why temperature-17 sends so much" in verdict.what_to_do
    (spread,) = verdicts_of(replace(facts, skews=(Skew(RAW, 0, 2_000, "temperature-17", 0.1, 400),)))
    assert "More partitions spread the sensors anew" in spread.what_to_do


def test_more_validators_are_advised_only_where_there_are_partitions_for_them() -> None:
    facts, *_ = PLANTED["slow code: rules"]
    assert "streams scale iot_data" in verdicts_of(facts)[0].what_to_do
    full = replace(facts, processes=tuple(replace(facts.processes[1], name=f"v{n}", partitions=(n,)) for n in range(3)))
    assert all("streams scale iot_data" not in verdict.what_to_do for verdict in verdicts_of(full))


_SHARE = st.none() | st.floats(0, 3)
_PROCESSES = st.builds(
    ProcessFacts,
    name=st.sampled_from(["validator-iot_data-0", "loader", "producer-iot_data-fleet"]),
    role=st.sampled_from(["validator", "loader", "producer"]),
    alive=st.booleans(), stream=st.sampled_from(["", STREAM]), cpu=_SHARE, waited=_SHARE, records=_SHARE,
    dead_share=_SHARE, unprocessable=st.integers(0, 9), aborts=st.integers(0, 9), sessions=st.integers(0, 9),
    rebalances=st.integers(0, 9), partitions=st.tuples(st.integers(0, 2)),
    stages=st.dictionaries(st.sampled_from(STAGES), st.floats(0, 1)), last_error=st.sampled_from(["", "an error"]),
)  # fmt: skip
_PARTITIONS = st.builds(
    PartitionFacts, st.sampled_from([VALIDATORS, LOADERS]), st.just(RAW), st.integers(0, 2), st.integers(0, 10**6),
    st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 1e5),
)  # fmt: skip


@hypothesis_settings(max_examples=50)
@given(
    st.builds(
        Facts, st.floats(0.1, 60), st.booleans(), st.lists(st.floats(0, 1), max_size=3).map(tuple),
        st.lists(_PROCESSES, max_size=3).map(tuple), st.lists(_PARTITIONS, max_size=4).map(tuple),
        st.builds(MachineFacts, st.integers(1, 8), st.floats(0, 1), st.integers(0, 10**9)),
        holder=st.sampled_from(["", "somebody"]), wanted=st.dictionaries(st.just(STREAM), st.integers(0, 3)),
    )
)  # fmt: skip
def test_whatever_the_facts_are_verdicts_are_whole_and_ordered(facts: Facts) -> None:
    found = verdicts_of(facts)
    assert [verdict.weight for verdict in found] == sorted((verdict.weight for verdict in found), reverse=True)
    for verdict in found:
        assert all(getattr(verdict, one.name) or one.name == "evidence" for one in fields(verdict)), verdict
        assert "nan" not in verdict.text


@pytest.mark.parametrize("name", [one.name for one in fields(Limits)])
def test_each_limit_is_used(name: str) -> None:
    """With it out of reach, or in reach of everything, some case has other verdicts."""
    cases = [facts for facts, _, _ in PLANTED.values()] + list(FINE.values())
    usual = [[verdict.cause for verdict in verdicts_of(facts)] for facts in cases]
    for value in (0, 1e12):
        limits = replace(Limits(), **{name: value})
        if [[verdict.cause for verdict in verdicts_of(facts, limits)] for facts in cases] != usual:
            return
    pytest.fail(f"nobody looks at {name}")
