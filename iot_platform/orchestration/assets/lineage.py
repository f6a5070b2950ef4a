"""External assets: the streams' processes and topics. Nothing materializes them here; they are observed."""

from __future__ import annotations

import dagster as dg

from iot_platform.contract.topology import Topology
from iot_platform.orchestration.assets.shown import OWNER, Group
from iot_platform.settings import Settings
from iot_platform.supervision.slots import Role

CLUSTER = "kafka_cluster"


def stream_key(stream: str, role: Role) -> dg.AssetKey:
    """The asset of a stream's producers or validators."""
    return dg.AssetKey(f"{stream}_{role}s")


def topic_specs(settings: Settings) -> list[dg.AssetSpec]:
    """Kafka itself, every topic and every kind of stream process, with what flows into it."""
    return [_cluster(), *(spec for stream in settings.streams for spec in _of_stream(settings, stream))]


def _cluster() -> dg.AssetSpec:
    return _spec(
        dg.AssetKey(CLUSTER), [], Group.SOURCE, "kafka",
        "The Kafka that everything goes through: brokers, replicas, open transactions, size and rate of topics, disk. "
        "`iot-platform cluster` shows it topic by topic.",
    )  # fmt: skip


def _of_stream(settings: Settings, stream: str) -> list[dg.AssetSpec]:
    topology = Topology(stream)
    validators = stream_key(stream, Role.VALIDATOR)
    specs = []
    if settings.fleet.enabled and settings.fleet.stream == stream:
        specs.append(
            _spec(
                stream_key(stream, Role.PRODUCER), [], Group.SOURCE, "python",
                "The simulated fleet. Its run is in Runs, job `producer`; terminate it there to stop the fleet.",
            )
        )  # fmt: skip
    return [
        *specs,
        _spec(
            dg.AssetKey(topology.raw), [dg.AssetKey(CLUSTER), *(spec.key for spec in specs)], Group.SOURCE, "kafka",
            "Readings as they were accepted, keyed by sensor. Files go in with `iot-platform produce --source file`.",
        ),
        _spec(
            validators, [dg.AssetKey(topology.raw)], Group.STREAM, "python",
            "Validates each record once. Its runs are in Runs, job `validator`; a growing lag wants more of them.",
        ),
        _spec(
            dg.AssetKey(topology.validated), [validators], Group.STREAM, "kafka",
            "Valid readings, byte for byte as they came unless a field was filled. Read it read_committed.",
        ),
        _spec(
            dg.AssetKey(topology.dead_letters), [validators], Group.STREAM, "kafka",
            "Records that broke a rule: the original bytes, with the reasons in headers. See dlq_summary for why.",
        ),
        _spec(
            dg.AssetKey(topology.ledger), [validators], Group.STREAM, "kafka",
            "One entry a transaction and partition: which raw offsets it covered and what became of them. "
            "`iot-platform audit` balances the books with it.",
        ),
    ]  # fmt: skip


def _spec(key: dg.AssetKey, deps: list[dg.AssetKey], group: str, kind: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(key, deps=deps, group_name=group, kinds={kind}, owners=[OWNER], description=description)
