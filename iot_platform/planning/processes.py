"""Processes of the platform: how many, how busy, how much memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

from iot_platform.planning.lines import PARTITIONED, PRODUCING, SENDING, TRANSACTING, VALIDATING, Line, Sized, line

_THE_LOAD = "the load"
_STREAM = "processes"
_IDS = "deduplication"


def process_lines(sized: Sized) -> Iterator[Line]:
    yield from _load(sized)
    yield from _counts(sized)
    yield from _cpu(sized)
    yield from _ids(sized)
    yield from _memory(sized)
    yield from _machines(sized)


def _load(sized: Sized) -> Iterator[Line]:
    readings = sized.flow.readings
    yield line(_THE_LOAD, "readings", readings, "per s", "readings a second")
    yield line(_THE_LOAD, "readings_per_day", readings * 86_400, "count", "readings a day")


def _counts(sized: Sized) -> Iterator[Line]:
    flow = sized.flow
    yield line(_STREAM, "partitions", flow.partitions, "count", "partitions of each of the four topics", *PARTITIONED)
    yield line(_STREAM, "validators", flow.validators, "count", "validators (consumers)", *VALIDATING)
    yield line(_STREAM, "producers", flow.producers, "count", "producers", *PRODUCING)
    most = flow.validator_readings_most
    yield Line(_STREAM, "validator_most", most, "per s", "readings that one validator may take on", VALIDATING)
    yield line(_STREAM, "transactions", flow.transactions, "per s", "transactions", *TRANSACTING)


def _cpu(sized: Sized) -> Iterator[Line]:
    rates, flow = sized.case.rates, sized.flow
    lookup = rates.rocksdb_lookup if sized.case.policy.rocksdb else 0.0
    producers = (
        rates.producer_cpu_per_reading * flow.readings
        + rates.producer_cpu_per_batch * flow.raw_batches
        + rates.producer_cpu_idle * flow.producers
    )
    validators = (
        (rates.validator_cpu_per_reading + lookup) * flow.readings
        + rates.validator_cpu_per_transaction * flow.transactions
        + rates.validator_cpu_per_entry * flow.entries
    )
    loader = (
        rates.loader_cpu_per_row * flow.readings + rates.loader_cpu_per_entry * flow.entries + rates.loader_cpu_idle
    )
    yield line(_STREAM, "producers_cpu", producers, "cores", "CPU of all producers", *SENDING, "producer_cpu_idle")
    yield line(_STREAM, "validators_cpu", validators, "cores", "CPU of all validators", *TRANSACTING)
    yield line(
        _STREAM, "loader_cpu", loader, "cores", "CPU of the loader", *TRANSACTING, "loader_cpu_per_row",
        "loader_cpu_per_entry", "loader_cpu_idle",
    )  # fmt: skip


def _ids(sized: Sized) -> Iterator[Line]:
    rates, policy, flow = sized.case.rates, sized.case.policy, sized.flow
    known = ("dead_share", "window_hours", "rocksdb")
    on_disk, each = bool(policy.rocksdb), flow.ids / flow.validators
    restore = rates.rocksdb_restore_per_id if on_disk else rates.dedup_restore_per_id
    yield line(_IDS, "ids", flow.ids, "count", "accepted ids in the window", "dead_share", "window_hours")
    memory = flow.partitions * rates.rocksdb_memory_per_partition if on_disk else flow.ids * rates.dedup_memory_per_id
    yield line(
        _IDS, "ids_memory", memory, "bytes", "memory for them", *known, *PARTITIONED,
        "dedup_memory_per_id", "rocksdb_memory_per_partition",
    )  # fmt: skip
    disk = flow.ids * rates.rocksdb_disk_per_id if on_disk else 0.0
    yield line(_IDS, "ids_disk", disk, "bytes", "disk for them", *known, "rocksdb_disk_per_id")
    yield line(
        _IDS, "restart", each * restore, "s", "a validator that begins with an empty store reads the ledger for",
        *known, *VALIDATING, "dedup_restore_per_id", "rocksdb_restore_per_id",
    )  # fmt: skip


def _memory(sized: Sized) -> Iterator[Line]:
    rates, flow = sized.case.rates, sized.flow
    producers = rates.producer_memory * flow.producers
    validators = rates.validator_memory * flow.validators + sized.value("ids_memory")
    yield line(
        _STREAM, "producers_memory", producers, "bytes", "memory of all producers", *PRODUCING, "producer_memory"
    )
    yield line(
        _STREAM, "validators_memory", validators, "bytes", "memory of all validators, with the ids that they keep",
        *sized.of("ids_memory"), "validator_memory",
    )  # fmt: skip
    yield line(_STREAM, "loader_memory", rates.loader_memory, "bytes", "memory of the loader", "loader_memory")


def _machines(sized: Sized) -> Iterator[Line]:
    policy = sized.case.policy
    names = ("producers", "validators", "loader")
    cores = sum(sized.value(f"{name}_cpu") for name in names) / policy.busy
    memory = sum(sized.value(f"{name}_memory") for name in names) / policy.full
    machines = max(1, math.ceil(cores / policy.machine_cores), math.ceil(memory / policy.machine_memory))
    yield line(
        _STREAM, "machines", machines, "count", "machines for these, beside those of Kafka",
        *sized.of(*(f"{name}_{what}" for name in names for what in ("cpu", "memory"))),
        "busy", "full", "machine_cores", "machine_memory",
    )  # fmt: skip
