"""Kafka: network, CPU, brokers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from iot_platform.planning.lines import SENDING, TRANSACTING, Line, Sized, line
from iot_platform.planning.storage import TOPICS

_KAFKA = "kafka"
_OUTPUTS = ("validated", "dead", "ledger")


def kafka_lines(sized: Sized) -> Iterator[Line]:
    yield from _network(sized)
    yield from _brokers(sized)
    yield from _brokers_cpu(sized)


def _network(sized: Sized) -> Iterator[Line]:
    case, flow = sized.case, sized.flow
    written = {name: sized.value(f"{name}_written") for name in TOPICS}
    once = sum(written.values())
    outside = written["validated"] * case.load.readers
    out = once + outside + case.rates.network_out_per_batch * flow.batches
    names = tuple(f"{name}_written" for name in TOPICS)
    batches = (*SENDING, *TRANSACTING, "dead_share")
    yield line(
        _KAFKA, "network_in", once + case.rates.network_in_per_batch * flow.batches, "bytes/s",
        "into Kafka, from producers and validators", *sized.of(*names), *batches, "network_in_per_batch",
    )  # fmt: skip
    yield line(
        _KAFKA, "network_out", out, "bytes/s", "out of Kafka, to validators, loader and readers outside",
        *sized.of(*names), *batches, "network_out_per_batch", "readers",
    )  # fmt: skip
    yield line(
        _KAFKA, "network_replicas", once * (case.policy.replicas - 1), "bytes/s", "between brokers, for further copies",
        *sized.of(*names), "replicas",
    )  # fmt: skip
    yield line(
        _KAFKA, "network_outside", outside, "bytes/s", "of it to readers outside", *sized.of("validated_written"),
        "readers",
    )  # fmt: skip


def _work(sized: Sized) -> float:
    """Cores that all brokers need for what is written and read."""
    rates, policy, flow = sized.case.rates, sized.case.policy, sized.flow
    once = rates.broker_cpu_per_reading * flow.readings + rates.broker_cpu_per_batch * flow.batches
    return once * (1 + (policy.replicas - 1) * policy.follower_cpu)


_WORK = (
    *SENDING, *TRANSACTING, "dead_share", "broker_cpu_per_reading", "broker_cpu_per_batch", "replicas", "follower_cpu",
)  # fmt: skip


def _brokers(sized: Sized) -> Iterator[Line]:
    policy = sized.case.policy
    free = 1 - min(0.5, sized.case.rates.broker_cpu_idle / policy.machine_cores)
    replicas = len(TOPICS) * sized.flow.partitions * policy.replicas
    busiest = max(
        sized.value("network_in") + sized.value("network_replicas"),
        sized.value("network_out") + sized.value("network_replicas"),
    )
    wants = (
        policy.replicas,
        _work(sized) / (policy.machine_cores * policy.busy * free),
        sized.value("kafka_disk") / (policy.machine_disk * policy.full),
        busiest / (policy.machine_network * policy.busy),
        replicas / policy.replicas_per_broker,
    )
    yield line(
        _KAFKA, "brokers", max(map(math.ceil, wants)), "count", f"brokers, for {_why(wants)}",
        *_WORK, *sized.of("kafka_disk", "network_in", "network_out", "network_replicas"),
        "busy", "full", "machine_cores", "machine_disk", "machine_network", "replicas_per_broker", "broker_cpu_idle",
    )  # fmt: skip


def _why(wants: tuple[float, ...]) -> str:
    """What asks for the most brokers."""
    reasons = ("their copies", "CPU", "disk", "network", "the number of partitions")
    return reasons[max(range(len(wants)), key=lambda place: math.ceil(wants[place]))]


def _brokers_cpu(sized: Sized) -> Iterator[Line]:
    rates, brokers = sized.case.rates, sized.value("brokers")
    cpu = _work(sized) + rates.broker_cpu_idle * brokers
    yield line(_KAFKA, "brokers_cpu", cpu, "cores", "CPU of all brokers", *sized.of("brokers"), "broker_cpu_idle")
    yield line(
        _KAFKA, "brokers_memory", rates.broker_memory * brokers, "bytes", "memory of all brokers, without page cache",
        *sized.of("brokers"), "broker_memory",
    )  # fmt: skip
