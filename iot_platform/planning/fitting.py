"""From what runs showed to rates. Pure.

Three runs: a backlog, worked off stage by stage, tells what a reading costs where batches are large. Two steady runs at
the same rate, over few partitions and over many, tell by what they took beyond that what batches, transactions and
entries cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_platform.broker.segments import Written

Topics = Mapping[str, Written]

_ROUNDS = 10
"""A broker idles for much of the backlog, while others start: each round knows better what that costs."""
_LEAST = 1e-9


@dataclass(frozen=True)
class Run:
    """What one run did. `cpu` in seconds by producer, validator, loader and broker; `network` in and out of Kafka, or
    None where nobody could tell; `rows` and `entries` are what the loader loaded; `memory` in bytes at the end."""

    seconds: float
    partitions: int
    readings: int
    transactions: int
    rows: int
    entries: int
    cpu: Mapping[str, float]
    topics: Topics
    network: tuple[float, float] | None
    memory: Mapping[str, int] = field(default_factory=dict)

    @property
    def batches(self) -> int:
        return sum(topic.batches + topic.markers for topic in self.topics.values())

    @property
    def bytes(self) -> int:
        return sum(topic.record_bytes + topic.marker_bytes for topic in self.topics.values())


@dataclass(frozen=True)
class Backlog:
    """A run whose CPU is without the start of its processes."""

    run: Run
    json_bytes: float
    warehouse_bytes: int
    copy_bytes: int
    memory: Mapping[str, int]


def rates_of(few: Run, many: Run, backlog: Backlog) -> dict[str, float]:
    """Names as in `Rates`; what the stores of ids cost is not in these runs."""
    return {
        **_producer(few, many, backlog.run),
        **_validator(few, many, backlog.run),
        **_broker(few, many, backlog.run),
        **_loader(few, many, backlog),
        **_bytes(many, backlog),
        **{f"{name}_memory": float(used) for name, used in backlog.memory.items()},
    }


def _producer(few: Run, many: Run, full: Run) -> dict[str, float]:
    each = full.cpu["producer"] / full.readings
    left = [run.cpu["producer"] - each * run.readings for run in (few, many)]
    idle, batch = solved(
        (few.seconds, few.topics["raw"].batches), (many.seconds, many.topics["raw"].batches), (left[0], left[1])
    )
    return {
        "producer_cpu_per_reading": each,
        "producer_cpu_per_batch": batch,
        "producer_cpu_idle": idle,
        "producer_cycle": _cycle(many),
    }


def _cycle(run: Run) -> float:
    """How long a producer gathers, so that its readings make as many batches as were seen. By halving."""
    rate, seen = run.readings / run.seconds, run.topics["raw"].batches / run.seconds
    low, high = 1e-6, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        touched = run.partitions * -math.expm1(-(1 + rate * middle) / run.partitions)
        low, high = (middle, high) if touched / (middle + 1 / rate) > seen else (low, middle)
    return low


def _validator(few: Run, many: Run, full: Run) -> dict[str, float]:
    each = full.cpu["validator"] / full.readings
    left = [run.cpu["validator"] - each * run.readings for run in (few, many)]
    counts = [(run.transactions, run.topics["ledger"].records) for run in (few, many)]
    transaction, entry = solved(counts[0], counts[1], (left[0], left[1]))
    times = [run.seconds / run.transactions - run.seconds / run.readings for run in (few, many)]
    entries = [run.topics["ledger"].records / run.transactions for run in (few, many)]
    cycle, more = solved((1, entries[0]), (1, entries[1]), (times[0], times[1]))
    return {
        "validator_cpu_per_reading": each,
        "validator_cpu_per_transaction": transaction,
        "validator_cpu_per_entry": entry,
        "validator_cycle": max(cycle, 1e-3),
        "validator_cycle_per_entry": more,
    }


def _broker(few: Run, many: Run, full: Run) -> dict[str, float]:
    each = full.cpu["broker"] / full.readings
    idle = batch = 0.0
    for _ in range(_ROUNDS):
        left = [run.cpu["broker"] - each * run.readings for run in (few, many)]
        idle, batch = solved((few.seconds, few.batches), (many.seconds, many.batches), (left[0], left[1]))
        each = max(_LEAST, full.cpu["broker"] - idle * full.seconds) / full.readings
    found = {"broker_cpu_per_reading": each, "broker_cpu_idle": idle, "broker_cpu_per_batch": batch}
    if many.network is not None:
        for name, seen in zip(("in", "out"), many.network, strict=True):
            found[f"network_{name}_per_batch"] = max(0.0, seen - many.bytes) / many.batches
    return found


def _loader(few: Run, many: Run, backlog: Backlog) -> dict[str, float]:
    full = backlog.run
    each = full.cpu["loader"] / full.rows
    left = [run.cpu["loader"] - each * run.rows for run in (few, many)]
    idle, entry = solved((few.seconds, few.entries), (many.seconds, many.entries), (left[0], left[1]))
    return {
        "loader_cpu_per_row": each,
        "loader_cpu_per_entry": entry,
        "loader_cpu_idle": idle,
        "warehouse_bytes_per_row": backlog.warehouse_bytes / full.rows,
        "copy_bytes_per_row": backlog.copy_bytes / full.rows,
    }


def _bytes(many: Run, backlog: Backlog) -> dict[str, float]:
    full = backlog.run
    found = {"json_bytes_per_reading": backlog.json_bytes}
    for topic in ("raw", "validated"):
        small, large = many.topics[topic], full.topics[topic]
        reading, batch = solved(
            (large.records, large.batches), (small.records, small.batches), (large.record_bytes, small.record_bytes)
        )
        found |= {f"{topic}_bytes_per_reading": reading, f"{topic}_bytes_per_batch": batch}
    dead = many.topics["dead"]
    found["dead_bytes_per_letter"] = dead.record_bytes / dead.records
    small, large = many.topics["ledger"], full.topics["ledger"]
    accepted = [run.topics["validated"].records for run in (full, many)]
    reading, entry = solved(
        (accepted[0], large.records), (accepted[1], small.records), (large.record_bytes, small.record_bytes)
    )
    markers = many.topics["ledger"]
    return found | {
        "ledger_bytes_per_reading": reading,
        "ledger_bytes_per_entry": entry,
        "marker_bytes": markers.marker_bytes / markers.markers,
    }


def solved(first: tuple[float, float], second: tuple[float, float], totals: tuple[float, float]) -> tuple[float, float]:
    """x and y, neither below zero, with x * first[0] + y * first[1] = totals[0], and so for the second.

    Where noise would make one of them negative, it is zero, and the other is what fits best.
    """
    (a, b), (c, d), (p, q) = first, second, totals
    determinant = a * d - b * c
    if determinant:
        x, y = (p * d - b * q) / determinant, (a * q - p * c) / determinant
        if x >= 0 and y >= 0:
            return x, y
    only_x, only_y = _fit((a, c), (p, q)), _fit((b, d), (p, q))
    misses_x = (p - only_x * a) ** 2 + (q - only_x * c) ** 2
    misses_y = (p - only_y * b) ** 2 + (q - only_y * d) ** 2
    return (only_x, 0.0) if misses_x <= misses_y else (0.0, only_y)


def _fit(counts: tuple[float, float], totals: tuple[float, float]) -> float:
    square = counts[0] ** 2 + counts[1] ** 2
    return max(0.0, (counts[0] * totals[0] + counts[1] * totals[1]) / square) if square else 0.0
