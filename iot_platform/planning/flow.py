"""How the load spreads: partitions and processes, transactions, batches. Pure arithmetic on a case.

A producer sends what it gathered in a cycle, one batch a partition that it touches. A transaction takes what came
during the one before, so that more load makes larger transactions and not more of them; each costs something, and
so does each partition in it. That is why a reading is dearest where many partitions get few of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from iot_platform.planning.inputs import Case

_WINDOW_SLACK = 13 / 12
"""An id is forgotten at the latest a twelfth of the window after its time (stream/dedup.py)."""
_HOUR_SECONDS = 3_600.0


@dataclass(frozen=True)
class Flow:
    """A second of the stream, and who does it."""

    readings: float
    partitions: int
    producers: int
    validators: int
    validators_needed: int
    validator_readings_most: float
    transactions: float
    entries: float
    raw_batches: float
    dead_batches: float
    ids: float

    @property
    def batches(self) -> float:
        """Written to Kafka a second: of a transaction, in each partition of each output, a batch and a marker."""
        return self.raw_batches + 2 * self.written

    @property
    def written(self) -> float:
        """Partitions of output topics that transactions write to, a second."""
        return 2 * self.entries + self.dead_batches


def flow_of(case: Case) -> Flow:
    readings, policy = case.load.readings_per_second, case.policy
    most = validator_readings_most(case)
    needed = _whole(readings / most)
    validators = _whole(policy.validators) if policy.validators else needed
    partitions = _partitions(case, validators)
    producers = _whole(policy.producers) if policy.producers else _producers(case, partitions)
    transactions, entries = _transactions(case, validators, partitions)
    return Flow(
        readings=readings,
        partitions=partitions,
        producers=producers,
        validators=validators,
        validators_needed=needed,
        validator_readings_most=most,
        transactions=transactions,
        entries=entries,
        raw_batches=_raw_batches(case, producers, partitions),
        dead_batches=min(readings * case.load.dead_share, entries),
        ids=readings * (1 - case.load.dead_share) * policy.window_hours * _HOUR_SECONDS * _WINDOW_SLACK,
    )


def validator_readings_most(case: Case) -> float:
    """Readings a second that one validator may take on: as busy as the policy allows, its transactions full."""
    rates, policy = case.rates, case.policy
    partitions = policy.partitions or policy.partitions_per_validator
    each = rates.validator_cpu_per_transaction + rates.validator_cpu_per_entry * min(partitions, policy.batch_max)
    lookup = rates.rocksdb_lookup if policy.rocksdb else 0.0
    return policy.busy / (rates.validator_cpu_per_reading + lookup + each / policy.batch_max)


def _partitions(case: Case, validators: int) -> int:
    policy = case.policy
    if policy.partitions:
        return _whole(policy.partitions)
    return _whole(max(policy.least_partitions, validators * policy.partitions_per_validator))


def _producers(case: Case, partitions: int) -> int:
    rates, policy = case.rates, case.policy
    batches_per_reading = min(1.0, partitions / policy.batch_readings)
    cost = rates.producer_cpu_per_reading + rates.producer_cpu_per_batch * batches_per_reading
    return _whole(case.load.readings_per_second * cost / policy.busy)


def _transactions(case: Case, validators: int, partitions: int) -> tuple[float, float]:
    """Transactions and entries (partitions in them) a second, of all validators."""
    readings = case.load.readings_per_second
    own = partitions / validators
    touched = _touched(own, 1 + readings / validators * _cycle(case, own))
    cycle = _cycle(case, touched)
    transactions = 1 / (cycle / validators + 1 / readings)  # one begins when a reading is there
    full = readings / case.policy.batch_max
    return min(readings, max(transactions, full)), min(readings, max(transactions * touched, full))


def _cycle(case: Case, entries: float) -> float:
    return case.rates.validator_cycle + case.rates.validator_cycle_per_entry * entries


def _raw_batches(case: Case, producers: int, partitions: int) -> float:
    cycle, readings = case.rates.producer_cycle, case.load.readings_per_second
    cycles = producers / (cycle + producers / readings)
    return min(readings, cycles * _touched(partitions, 1 + readings / producers * cycle))


def _touched(partitions: float, readings: float) -> float:
    """How many of `partitions` get at least one of `readings`."""
    return partitions * -math.expm1(-readings / partitions)


def _whole(number: float) -> int:
    """Up to the next whole number, at least 1. A hair above one is rounding, not need."""
    return max(1, math.ceil(number * (1 - 1e-12)))
