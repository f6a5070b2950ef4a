"""Cases for tests of the plan: round rates that nobody measured, so that figures can be worked out by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from iot_platform.planning.files import Found, case_of
from iot_platform.planning.inputs import Case, Load, Origin, Policy, Prices, Rates

ROUND: dict[str, float] = {
    "devices": 1_000,
    "readings_each_per_second": 1,
    "dead_share": 0,
    "producer_cpu_per_reading": 20e-6,
    "producer_cpu_per_batch": 0,
    "producer_cpu_idle": 0,
    "producer_cycle": 0.05,
    "producer_memory": 100e6,
    "validator_cpu_per_reading": 10e-6,
    "validator_cpu_per_transaction": 0,
    "validator_cpu_per_entry": 0,
    "validator_cycle": 0.1,
    "validator_cycle_per_entry": 0,
    "validator_memory": 200e6,
    "broker_cpu_per_reading": 10e-6,
    "broker_cpu_per_batch": 0,
    "broker_cpu_idle": 0,
    "broker_memory": 500e6,
    "loader_cpu_per_row": 10e-6,
    "loader_cpu_per_entry": 0,
    "loader_cpu_idle": 0,
    "loader_memory": 200e6,
    "json_bytes_per_reading": 300,
    "raw_bytes_per_reading": 100,
    "raw_bytes_per_batch": 0,
    "validated_bytes_per_reading": 100,
    "validated_bytes_per_batch": 0,
    "dead_bytes_per_letter": 500,
    "ledger_bytes_per_reading": 32,
    "ledger_bytes_per_entry": 0,
    "marker_bytes": 0,
    "network_in_per_batch": 0,
    "network_out_per_batch": 0,
    "dedup_memory_per_id": 40,
    "dedup_restore_per_id": 1e-6,
    "rocksdb_disk_per_id": 36,
    "rocksdb_lookup": 90e-6,
    "rocksdb_restore_per_id": 3e-6,
    "rocksdb_memory_per_partition": 80e6,
    "rocksdb_ids_tried": 50e6,
    "warehouse_bytes_per_row": 70,
    "copy_bytes_per_row": 30,
}
PRICED = {"vcpu_hour": 0.04, "memory_gb_hour": 0.005, "disk_gb_month": 0.1, "egress_gb": 0.05}


def case(**changed: float) -> Case:
    values = {**ROUND, **changed}
    return case_of(Found(values, {name: Origin("given", "here") for name in values}), "EUR")


def _within(about: Any, most: float) -> st.SearchStrategy[float]:
    high = min(most, about["most"])
    return st.floats(max(about["least"], 0.0), high, allow_nan=False)


_MOST_SECONDS, _MOST_ELSE = 10.0, 1e9


def numbers(*classes: Any, **fixed: st.SearchStrategy[float]) -> st.SearchStrategy[dict[str, float]]:
    """Any numbers within their bounds; those of time up to what a machine could be thought to take."""
    drawn = {
        one.name: _within(one.metadata, _MOST_SECONDS if one.metadata["unit"] == "s" else _MOST_ELSE)
        for kind in classes
        for one in fields(kind)
    }
    return st.fixed_dictionaries({**drawn, **fixed})


def any_case() -> st.SearchStrategy[dict[str, float]]:
    few = st.floats(1, 1e6)
    return numbers(
        Load, Rates, Policy, Prices,
        devices=few, readings_each_per_second=st.floats(1e-6, 1e3), rocksdb=st.sampled_from([0.0, 1.0]),
        partitions=st.integers(0, 500).map(float), validators=st.integers(0, 50).map(float),
        producers=st.integers(0, 50).map(float), least_partitions=st.integers(1, 100).map(float),
        partitions_per_validator=st.integers(1, 10).map(float), replicas=st.integers(1, 5).map(float),
    )  # fmt: skip


@st.composite
def plausible_case(draw: st.DrawFn) -> dict[str, float]:
    """Rates near to what a machine shows, each by a factor of its own.

    The time of a partition in a transaction is CPU for no smaller share than the rest of the transaction, which waits
    for Kafka: else more partitions could keep a validator from more transactions.
    """
    near = st.sampled_from([0.05, 0.3, 1.0, 4.0, 30.0])
    values = {name: value * draw(near) for name, value in {**ROUND, **SMALL}.items() if name not in _LOAD and value}
    idle, busy = sorted([draw(st.floats(0, 1)), draw(st.floats(0, 1))])
    return {
        **dict.fromkeys(ROUND, 0.0),
        **values,
        "validator_cpu_per_transaction": idle * values["validator_cycle"],
        "validator_cpu_per_entry": busy * values["validator_cycle_per_entry"],
        "devices": draw(st.floats(1, 1e8)),
        "readings_each_per_second": draw(st.floats(1e-3, 10)),
        "dead_share": draw(st.floats(0, 1)),
        "rocksdb": draw(st.sampled_from([0.0, 1.0])),
        "partitions": draw(st.sampled_from([0.0, 3.0, 100.0])),
        "busy": draw(st.floats(0.1, 1)),
    }


SMALL: dict[str, float] = {
    "validator_cycle_per_entry": 5e-4,
    "producer_cpu_per_batch": 2e-5,
    "broker_cpu_per_batch": 1e-4,
    "raw_bytes_per_batch": 150,
    "validated_bytes_per_batch": 150,
    "ledger_bytes_per_entry": 350,
    "marker_bytes": 78,
    "network_in_per_batch": 100,
    "network_out_per_batch": 200,
}
_LOAD = frozenset({"devices", "readings_each_per_second", "dead_share"})
