"""The cluster watch: look at brokers, partitions and topics, add that to their course, and judge it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from iot_platform.broker.sizes import disk_of, topic_bytes
from iot_platform.clock import Clock
from iot_platform.pipeline.courses import Kept, with_look
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.cluster import ClusterState, look_at_cluster
from iot_platform.stream.groups import ClusterLook, GroupLook
from iot_platform.watch.cluster.judging import Disk, Finding, Known, TopicFigures, findings_of, topic_figures

_NOBODY = ""  # the course of a partition without a group


@dataclass(frozen=True)
class ClusterReport:
    """One look at the cluster and what is to be said of it; `disk` is None of a Kafka that is not ours."""

    state: ClusterState
    topics: tuple[TopicFigures, ...]
    disk: Disk | None
    findings: tuple[Finding, ...]

    @property
    def status(self) -> Literal["ok", "warn", "error"]:
        return self.findings[0].level if self.findings else "ok"


def watch_cluster(settings: Settings, clock: Clock) -> ClusterReport:
    """Look, keep the look when the last one is long enough ago, and judge. Raises KafkaUnavailableError."""
    state = look_at_cluster(Clients(settings), clock)
    look = ClusterLook(state.at_ms, (GroupLook(_NOBODY, None, state.ends),), {}, ())
    kept = Kept("cluster.json", settings.lag.looks, settings.dagster.watch_interval_seconds)
    courses = with_look(settings, look, kept)[_NOBODY]
    sizes = topic_bytes(settings) if settings.own_broker else None
    disk = Disk(*disk_of(settings)) if settings.own_broker else None
    topics = topic_figures(state, courses, sizes)
    found = findings_of(Known(state, courses, topics, disk, settings.lag.held_back_seconds))
    return ClusterReport(state, tuple(topics), disk, tuple(found))


def cluster_document(report: ClusterReport) -> dict[str, Any]:
    """What `cluster --json` prints."""
    parts = report.state.replicas.values()
    return {
        "status": report.status,
        "findings": [asdict(finding) for finding in report.findings],
        "brokers": [{"id": number, "server": server} for number, server in sorted(report.state.brokers.items())],
        "partitions": {
            "all": len(parts),
            "offline": sum(part.leader < 0 for part in parts),
            "under_replicated": sum(len(part.in_sync) < len(part.replicas) for part in parts),
        },
        "disk": None if report.disk is None else asdict(report.disk),
        "topics": [asdict(topic) for topic in report.topics],
    }
