"""What a plan is made from: load, rates, policy, prices. Each number has a unit, bounds, and a place it is from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, TypeVar

from iot_platform.errors import UsageError

Kind = Literal["measured", "given", "assumed"]

_MOST = 1e15
"""Beyond this a number is a slip of the finger, and sums of it would lose digits."""
_MOST_READINGS = 1e12


@dataclass(frozen=True)
class Origin:
    """Where a number is from: measured here, given by somebody, or assumed by us."""

    kind: Kind
    where: str


def _of(unit: str, meaning: str, *, least: float = 0.0, most: float = _MOST, usual: float | None = None) -> Any:
    about = {"unit": unit, "meaning": meaning, "least": least, "most": most}
    return field(metadata=about) if usual is None else field(default=usual, metadata=about)


@dataclass(frozen=True, kw_only=True)
class Load:
    devices: float = _of("count", "sensors that send", least=1)
    readings_each_per_second: float = _of("per s", "readings of one sensor a second", least=1e-9)
    dead_share: float = _of("share", "share of readings that breaks a rule", most=1, usual=0.01)
    readers: float = _of("count", "further readers of validated readings, outside of the platform", usual=0)

    @property
    def readings_per_second(self) -> float:
        return self.devices * self.readings_each_per_second


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What one reading, batch or second costs. CPU is in seconds of one core, so a busy machine hardly changes it."""

    producer_cpu_per_reading: float = _of("s", "CPU of a producer, a reading", least=1e-12)
    producer_cpu_per_batch: float = _of("s", "CPU of a producer, a batch of one partition")
    producer_cpu_idle: float = _of("cores", "CPU of a producer that sends nothing")
    producer_cycle: float = _of("s", "time in which a producer gathers what it sends together", least=1e-6)
    producer_memory: float = _of("bytes", "memory of a producer")
    validator_cpu_per_reading: float = _of("s", "CPU of a validator, a reading", least=1e-12)
    validator_cpu_per_transaction: float = _of("s", "CPU of a validator, a transaction")
    validator_cpu_per_entry: float = _of("s", "CPU of a validator, a partition in a transaction")
    validator_cycle: float = _of("s", "time of a transaction, without its partitions", least=1e-6)
    validator_cycle_per_entry: float = _of("s", "time that a further partition adds to a transaction")
    validator_memory: float = _of("bytes", "memory of a validator, without accepted ids")
    broker_cpu_per_reading: float = _of("s", "CPU of Kafka, a reading from the producer to the loader", least=1e-12)
    broker_cpu_per_batch: float = _of("s", "CPU of Kafka, a batch that is written, of any topic")
    broker_cpu_idle: float = _of("cores", "CPU of a broker with clients that do nothing")
    broker_memory: float = _of("bytes", "memory of a broker, without page cache")
    loader_cpu_per_row: float = _of("s", "CPU of the loader, a row", least=1e-12)
    loader_cpu_per_entry: float = _of("s", "CPU of the loader, an entry of the ledger")
    loader_cpu_idle: float = _of("cores", "CPU of a loader with few rows")
    loader_memory: float = _of("bytes", "memory of the loader")
    json_bytes_per_reading: float = _of("bytes", "a reading as JSON, with its key", least=1)
    raw_bytes_per_reading: float = _of("bytes", "a raw reading in Kafka, in a large batch", least=1e-3)
    raw_bytes_per_batch: float = _of("bytes", "what a raw batch takes beside that")
    validated_bytes_per_reading: float = _of("bytes", "a validated reading in Kafka, in a large batch", least=1e-3)
    validated_bytes_per_batch: float = _of("bytes", "what a validated batch takes beside that")
    dead_bytes_per_letter: float = _of("bytes", "a dead letter in Kafka")
    ledger_bytes_per_reading: float = _of("bytes", "a reading's share of the ledger")
    ledger_bytes_per_entry: float = _of("bytes", "what an entry of the ledger takes beside that")
    marker_bytes: float = _of("bytes", "the end of a transaction in a partition")
    network_in_per_batch: float = _of("bytes", "into Kafka beside the batch itself")
    network_out_per_batch: float = _of("bytes", "out of Kafka beside the batch itself, to all its readers")
    dedup_memory_per_id: float = _of("bytes", "an accepted id, with dedup_store memory")
    dedup_restore_per_id: float = _of("s", "CPU to read an id from the ledger, with dedup_store memory")
    rocksdb_disk_per_id: float = _of("bytes", "an accepted id on disk, with dedup_store rocksdb")
    rocksdb_lookup: float = _of("s", "CPU to look up an id, with dedup_store rocksdb")
    rocksdb_restore_per_id: float = _of("s", "CPU to read an id from the ledger, with dedup_store rocksdb")
    rocksdb_memory_per_partition: float = _of("bytes", "memory of a partition's store, with dedup_store rocksdb")
    rocksdb_ids_tried: float = _of("count", "ids in the largest store that was measured", least=1)
    warehouse_bytes_per_row: float = _of("bytes", "a row in DuckDB")
    copy_bytes_per_row: float = _of("bytes", "a row in the reader's copy")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is wanted, and what machines there are. `partitions`, `validators`, `producers`: 0 = as many as it takes."""

    partitions: float = _of("count", "partitions of each topic; 0 = as many as it takes", usual=0)
    validators: float = _of("count", "validators; 0 = as many as it takes", usual=0)
    producers: float = _of("count", "producers; 0 = as many as it takes", usual=0)
    least_partitions: float = _of("count", "partitions at least", least=1, usual=3)
    partitions_per_validator: float = _of("count", "room to scale out: partitions for each validator", least=1, usual=2)
    replicas: float = _of("count", "copies of each record in Kafka", least=1, most=100, usual=3)
    follower_cpu: float = _of("share", "CPU of a further copy, of that of the first", usual=0.5)
    busy: float = _of(
        "share", "how busy processes and machines may be; the rest is headroom", least=0.01, most=1, usual=0.6
    )
    full: float = _of("share", "how full disks and memory may be", least=0.01, most=1, usual=0.7)
    machine_cores: float = _of("count", "cores of a machine", least=1, usual=8)
    machine_memory: float = _of("bytes", "memory of a machine", least=1e6, usual=32e9)
    machine_disk: float = _of("bytes", "disk of a machine", least=1e6, usual=4e12)
    machine_network: float = _of("bytes/s", "network of a machine, each way", least=1e3, usual=1.25e9)
    replicas_per_broker: float = _of("count", "copies of partitions that a broker may hold", least=1, usual=4_000)
    batch_max: float = _of("count", "most readings in a transaction", least=1, usual=10_000)
    batch_readings: float = _of("count", "most readings that a producer takes at once", least=1, usual=2_000)
    rocksdb: float = _of("count", "1 = accepted ids are kept by RocksDB, 0 = in memory", most=1, usual=0)
    raw_days: float = _of("days", "retention of raw readings", usual=7)
    validated_days: float = _of("days", "retention of validated readings", usual=7)
    dlq_days: float = _of("days", "retention of dead letters", usual=30)
    ledger_days: float = _of("days", "retention of the ledger", usual=30)
    window_hours: float = _of("hours", "how long accepted ids are known", usual=72)
    warehouse_days: float = _of("days", "retention of rows in the warehouse", usual=400)
    restart_seconds: float = _of("s", "how long a validator may need to start", usual=300)


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Of one unit, in one currency."""

    vcpu_hour: float = _of("money", "a core for an hour")
    memory_gb_hour: float = _of("money", "a GB of memory for an hour")
    disk_gb_month: float = _of("money", "a GB of disk for a month")
    egress_gb: float = _of("money", "a GB out to readers outside")


@dataclass(frozen=True)
class Case:
    """All that a plan is made from. `origins` has each name of the four."""

    load: Load
    rates: Rates
    policy: Policy
    prices: Prices | None
    currency: str
    origins: Mapping[str, Origin]


def fields_of(*classes: Any) -> Iterator[Field[Any]]:
    for one in classes:
        yield from fields(one)


_Made = TypeVar("_Made", Load, Rates, Policy, Prices)


def checked(made: _Made) -> _Made:
    """What came in, when each number is within its bounds. Raises UsageError on the first that is not."""
    for one in fields(made):
        about, value = one.metadata, getattr(made, one.name)
        if not math.isfinite(value) or not about["least"] <= value <= about["most"]:
            raise UsageError(
                f"{one.name} ({about['meaning']}) is {value:g}; it must be between {about['least']:g} and "
                f"{about['most']:g}.",
                next_step="docs/capacity.md says how to give it.",
            )
    if isinstance(made, Load) and made.readings_per_second > _MOST_READINGS:
        raise UsageError(
            f"{made.devices:g} sensors at {made.readings_each_per_second:g} readings a second are "
            f"{made.readings_per_second:g} a second; a plan is made for at most {_MOST_READINGS:g}.",
            next_step="Lower --devices or --rate.",
        )
    return made
