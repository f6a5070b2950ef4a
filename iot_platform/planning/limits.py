"""What of today's design would not hold, up to which load it does, and what takes its place. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iot_platform.clock import duration
from iot_platform.planning.lines import Sized
from iot_platform.planning.quantities import amount

_OWN_BROKERS = 3


@dataclass(frozen=True)
class Limit:
    """`holds_up_to`: readings a second, or None where it is no matter of load."""

    name: str
    holds_up_to: float | None
    text: str
    instead: str


def limits_of(sized: Sized) -> Iterator[Limit]:
    """In the order in which somebody should look at them."""
    for rule in _RULES:
        found = rule(sized)
        if found is not None:
            yield found


def _writer(sized: Sized) -> Limit | None:
    rates, policy = sized.case.rates, sized.case.policy
    most = policy.busy / rates.loader_cpu_per_row
    if sized.flow.readings <= most:
        return None
    return Limit(
        "one_writer",
        most,
        f"One process writes DuckDB, {1 / rates.loader_cpu_per_row:,.0f} rows for each second of a core: "
        f"with headroom it holds up to {most:,.0f} readings a second. The rest would wait in Kafka, and be lost when "
        "retention reaches it.",
        "Several installations, each with streams and a warehouse of its own for a part of the sensors: "
        f"{amount(sized.flow.readings / most, 'whole')} of them. A warehouse that takes several writers (DuckLake, "
        "loaders by partition) is not built.",
    )


def _warehouse_disk(sized: Sized) -> Limit | None:
    policy = sized.case.policy
    disk, room = sized.value("warehouse_disk") + sized.value("copy_disk"), policy.machine_disk * policy.full
    if disk <= room:
        return None
    days = policy.warehouse_days * room / disk
    return Limit(
        "one_file",
        sized.flow.readings * room / disk,
        f"The warehouse is one file on one machine, with a copy for readers: {amount(disk, 'bytes')} after "
        f"{policy.warehouse_days:g} days, and {amount(room, 'bytes')} are there.",
        f"warehouse.retention_days = {math.floor(days)}, and the rest elsewhere."
        if days >= 1
        else "There is no room for a day: several installations, each with a part of the sensors.",
    )


def _ids_in_memory(sized: Sized) -> Limit | None:
    policy, flow, rates = sized.case.policy, sized.flow, sized.case.rates
    room = policy.machine_memory * policy.full
    memory = sized.value("ids_memory")
    if policy.rocksdb or memory <= room:
        return None
    return Limit(
        "ids_in_memory",
        flow.readings * room / memory,
        f"Accepted ids take {rates.dedup_memory_per_id:.0f} bytes each in memory for {policy.window_hours:g} h: "
        f"{amount(memory, 'bytes')}. A machine of {amount(policy.machine_memory, 'bytes')} holds those of "
        f"{flow.readings * room / memory:,.0f} readings a second.",
        f"validator.dedup_store = rocksdb: {amount(flow.ids * rates.rocksdb_disk_per_id, 'bytes')} on the validators' "
        f"disks, and {rates.rocksdb_lookup * 1e6:.0f} us of CPU a lookup (`--dedup rocksdb` plans it); or a shorter "
        "dedup_window_hours, together with max_age_seconds and producer.spool_max_age_hours.",
    )


def _ids_on_disk(sized: Sized) -> Limit | None:
    policy, flow, rates = sized.case.policy, sized.flow, sized.case.rates
    each = flow.ids / flow.partitions
    if not policy.rocksdb or each <= rates.rocksdb_ids_tried:
        return None
    return Limit(
        "ids_not_tried",
        flow.readings * rates.rocksdb_ids_tried / each,
        f"A partition's store would have {each:,.0f} ids; the largest that was measured had "
        f"{rates.rocksdb_ids_tried:,.0f}. Lookups become slower as it grows, so this plan's are too cheap.",
        f"{amount(flow.ids / rates.rocksdb_ids_tried, 'whole')} partitions would keep each store at what was measured. "
        "Or measure a larger one: python -m benchmarks.dedup_stores --store rocksdb --ids N.",
    )


def _restart(sized: Sized) -> Limit | None:
    seconds, most = sized.value("restart"), sized.case.policy.restart_seconds
    if seconds <= most:
        return None
    on_disk = bool(sized.case.policy.rocksdb)
    return Limit(
        "restart",
        sized.flow.readings * most / seconds,
        f"A validator that begins with an empty store reads the ledger for {duration(seconds)} before it takes a "
        f"reading; {duration(most)} are allowed.",
        "After a usual restart RocksDB reads only what is new; so it is when a disk was lost. More validators share it."
        if on_disk
        else "validator.dedup_store = rocksdb, which keeps over a restart what it read; or more validators.",
    )


def _one_machine(sized: Sized) -> Limit | None:
    machines = sized.value("machines")
    if machines <= 1:
        return None
    return Limit(
        "one_machine",
        None,
        f"`up` runs all processes of an installation on one machine; this load takes {machines:,.0f} of them.",
        "Several installations on one Kafka (kafka.bootstrap_servers), each with an instance name of its own and a "
        "part of the sensors in streams of its own.",
    )


def _brokers(sized: Sized) -> Limit | None:
    brokers = sized.value("brokers")
    if brokers <= _OWN_BROKERS:
        return None
    return Limit(
        "own_brokers",
        None,
        f"The platform's own Kafka has one broker or three, on one machine; this load takes {brokers:,.0f}.",
        "A cluster of your own, or a managed one: kafka.bootstrap_servers.",
    )


def _too_few_partitions(sized: Sized) -> Limit | None:
    flow = sized.flow
    if flow.partitions >= flow.validators:
        return None
    return Limit(
        "partitions",
        flow.partitions * flow.validator_readings_most,
        f"{flow.partitions} partitions feed at most as many validators; {flow.validators} are needed.",
        f"The stream's `partitions` = {flow.validators} at least.",
    )


def _too_few_validators(sized: Sized) -> Limit | None:
    flow = sized.flow
    if flow.validators >= flow.validators_needed:
        return None
    return Limit(
        "validators",
        flow.validators * flow.validator_readings_most,
        f"{flow.validators} validators were asked for; {flow.validators_needed} are needed to keep up with headroom.",
        f"The stream's `validators` = {flow.validators_needed}.",
    )


_RULES: tuple[Callable[[Sized], Limit | None], ...] = (
    _too_few_partitions, _too_few_validators, _writer, _warehouse_disk, _ids_in_memory, _ids_on_disk, _restart,
    _one_machine, _brokers,
)  # fmt: skip
