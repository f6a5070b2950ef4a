"""From runs to rates: what was put into a run comes out of it, and noise makes nothing negative."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot_platform.broker.segments import Written
from iot_platform.planning.fitting import Backlog, Run, rates_of, solved
from iot_platform.planning.inputs import Rates, fields_of

_SECONDS, _RATE = 30.0, 1_000
_STORES = ("dedup_", "rocksdb_")
_TRUE = {
    "producer_cpu_per_reading": 20e-6, "producer_cpu_per_batch": 30e-6, "producer_cpu_idle": 0.01,
    "validator_cpu_per_reading": 12e-6, "validator_cpu_per_transaction": 4e-3, "validator_cpu_per_entry": 2e-4,
    "validator_cycle": 0.03, "validator_cycle_per_entry": 1e-3,
    "broker_cpu_per_reading": 15e-6, "broker_cpu_per_batch": 1e-4, "broker_cpu_idle": 0.05,
    "loader_cpu_per_row": 8e-6, "loader_cpu_per_entry": 5e-6, "loader_cpu_idle": 0.02,
    "raw_bytes_per_reading": 110.0, "raw_bytes_per_batch": 160.0,
    "validated_bytes_per_reading": 115.0, "validated_bytes_per_batch": 170.0,
    "ledger_bytes_per_reading": 32.0, "ledger_bytes_per_entry": 300.0,
    "dead_bytes_per_letter": 600.0, "marker_bytes": 78.0, "network_in_per_batch": 90.0, "network_out_per_batch": 250.0,
    "warehouse_bytes_per_row": 70.0, "copy_bytes_per_row": 25.0,
    "json_bytes_per_reading": 290.0,
    "producer_memory": 90e6, "validator_memory": 210e6, "loader_memory": 180e6, "broker_memory": 600e6,
}  # fmt: skip


def steady(partitions: int, raw_batches: int) -> Run:
    """Thirty seconds in which each transaction has an entry of each partition."""
    true, readings = _TRUE, round(_SECONDS * _RATE)
    cycle = true["validator_cycle"] + true["validator_cycle_per_entry"] * partitions + 1 / _RATE
    transactions = round(_SECONDS / cycle)
    entries, dead = transactions * partitions, readings // 100
    topics = _topics(readings, raw_batches, entries, dead)
    run = Run(_SECONDS, partitions, readings, transactions, readings, entries, {}, topics, (0, 0))
    cpu = {
        "producer": true["producer_cpu_idle"] * _SECONDS + true["producer_cpu_per_batch"] * raw_batches,
        "validator": true["validator_cpu_per_transaction"] * transactions + true["validator_cpu_per_entry"] * entries,
        "broker": true["broker_cpu_idle"] * _SECONDS + true["broker_cpu_per_batch"] * run.batches,
        "loader": true["loader_cpu_idle"] * _SECONDS + true["loader_cpu_per_entry"] * entries,
    }
    each = {**dict.fromkeys(cpu, 0.0), **_each()}
    return Run(
        _SECONDS, partitions, readings, transactions, readings, entries,
        {name: spent + each[name] * readings for name, spent in cpu.items()}, topics,
        (run.bytes + 90 * run.batches, run.bytes + 250 * run.batches),
    )  # fmt: skip


def backlog(readings: int = 200_000) -> Backlog:
    """Batches so large that what they cost by themselves does not show."""
    topics = _topics(readings, 0, 0, readings // 100)
    cpu = {name: each * readings for name, each in _each().items()}
    cpu["broker"] += _TRUE["broker_cpu_idle"] * 1
    run = Run(1, 4, readings, 1, readings, 0, cpu, topics, None)
    memory = {name: round(_TRUE[f"{name}_memory"]) for name in ("producer", "validator", "loader", "broker")}
    return Backlog(run, 290.0, 70 * readings, 25 * readings, memory)


def _each() -> dict[str, float]:
    names = {"producer": "reading", "validator": "reading", "broker": "reading", "loader": "row"}
    return {name: _TRUE[f"{name}_cpu_per_{unit}"] for name, unit in names.items()}


def _topics(readings: int, raw_batches: int, entries: int, dead: int) -> dict[str, Written]:
    valid = readings - dead
    return {
        "raw": Written(raw_batches, readings, 110 * readings + 160 * raw_batches),
        "validated": Written(entries, valid, 115 * valid + 170 * entries, entries, 78 * entries),
        "dead": Written(min(dead, entries), dead, 600 * dead, min(dead, entries), 78 * min(dead, entries)),
        "ledger": Written(entries, entries, 32 * valid + 300 * entries, entries, 78 * entries),
    }


def test_rates_that_made_the_runs_come_out_of_them() -> None:
    found = rates_of(steady(4, 3_000), steady(64, 20_000), backlog())
    seen = {name: found[name] for name in _TRUE}
    assert seen == pytest.approx(_TRUE, rel=0.02)


def test_all_rates_but_those_of_the_stores_are_found() -> None:
    names = {one.name for one in fields_of(Rates) if not one.name.startswith(_STORES)}
    assert set(rates_of(steady(4, 3_000), steady(64, 20_000), backlog())) == names


def test_the_time_in_which_a_producer_gathers_explains_its_batches() -> None:
    run = steady(64, 20_000)
    cycle = rates_of(steady(4, 3_000), run, backlog())["producer_cycle"]
    touched = 64 * -math.expm1(-(1 + _RATE * cycle) / 64)
    assert touched / (cycle + 1 / _RATE) * _SECONDS == pytest.approx(20_000, rel=1e-6)


_COUNTS = st.floats(0, 1e6)
_TOTALS = st.floats(-1e6, 1e6)


@given(st.tuples(_COUNTS, _COUNTS), st.tuples(_COUNTS, _COUNTS), st.tuples(_TOTALS, _TOTALS))
def test_nothing_that_is_fitted_is_negative(
    first: tuple[float, float], second: tuple[float, float], totals: tuple[float, float]
) -> None:
    x, y = solved(first, second, totals)
    assert x >= 0
    assert y >= 0


@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_what_fits_exactly_is_found(x: float, y: float) -> None:
    first, second = (30.0, 3_000.0), (30.0, 20_000.0)
    totals = (first[0] * x + first[1] * y, second[0] * x + second[1] * y)
    assert solved(first, second, totals) == pytest.approx((x, y), rel=1e-6, abs=1e-6)
