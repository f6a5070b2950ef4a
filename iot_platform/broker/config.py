"""What one node's Kafka reads: server.properties and the logging of its own. Pure: settings in, text out."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from pathlib import Path

from iot_platform.kafka_settings import HOST

_ELECTION_MS, _FETCH_MS = 2_000, 4_000
"""Twice Kafka's defaults: three brokers beside each other on a busy machine would elect controllers again and again."""


@dataclass(frozen=True)
class NodeConfig:
    """One KRaft node that is broker and controller."""

    node_id: int
    port: int
    controller_port: int
    data_dir: Path
    controllers: tuple[tuple[int, int], ...]
    """Node id and controller port of every controller; one for a single node."""
    advertised_port: int | None = None
    """The port that clients are told, where it is not `port` (a proxy stands before it)."""

    @property
    def replicas(self) -> int:
        return min(3, len(self.controllers))


def new_cluster_id() -> str:
    """A random UUID as Kafka writes it: 22 characters of URL-safe base64, none of them a leading hyphen.

    One id in 64 would begin with a hyphen, and Kafka's own storage tool takes that for an option and refuses it.
    """
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def server_properties(node: NodeConfig) -> str:
    """Loopback only, nothing created by mistake, and fast to start: few internal partitions, no rebalance delay."""
    voters = ",".join(f"{node_id}@{HOST}:{port}" for node_id, port in node.controllers)
    properties = {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{node.advertised_port or node.port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": node.data_dir,
        "auto.create.topics.enable": "false",
        "default.replication.factor": node.replicas,
        "min.insync.replicas": max(1, node.replicas - 1),
        "offsets.topic.replication.factor": node.replicas,
        "offsets.topic.num.partitions": 4,
        "offsets.retention.minutes": 43_200,
        "transaction.state.log.replication.factor": node.replicas,
        "transaction.state.log.min.isr": max(1, node.replicas - 1),
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": node.replicas,
        "share.coordinator.state.topic.min.isr": max(1, node.replicas - 1),
        "group.initial.rebalance.delay.ms": 0,
        "log.segment.bytes": 134_217_728,
        "log.retention.check.interval.ms": 60_000,
        "num.recovery.threads.per.data.dir": 2,
    }
    if node.replicas > 1:
        properties["controller.quorum.election.timeout.ms"] = _ELECTION_MS
        properties["controller.quorum.fetch.timeout.ms"] = _FETCH_MS
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def log4j2_properties(log_path: Path) -> str:
    """A readable, bounded log: three files of 10 MB."""
    return "\n".join(
        (
            "status = error",
            "appender.file.type = RollingFile",
            "appender.file.name = file",
            f"appender.file.fileName = {log_path}",
            f"appender.file.filePattern = {log_path}.%i",
            "appender.file.layout.type = PatternLayout",
            "appender.file.layout.pattern = %d{ISO8601} %p %c{1}: %m%n",
            "appender.file.policies.type = Policies",
            "appender.file.policies.size.type = SizeBasedTriggeringPolicy",
            "appender.file.policies.size.size = 10MB",
            "appender.file.strategy.type = DefaultRolloverStrategy",
            "appender.file.strategy.max = 3",
            "rootLogger.level = info",
            "rootLogger.appenderRef.file.ref = file",
            "",
        )
    )
