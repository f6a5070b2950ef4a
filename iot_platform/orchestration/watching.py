"""Lag and health without a run for each: observed every half minute, and the alerts raised from it.

Runless events cost about 15 ms each. Everything asked here answers within seconds or counts as unknown: a sensor that
waits holds up nobody but itself, and what is unknown neither raises nor resolves an alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import AlreadyRunningError
from iot_platform.orchestration.assets.lineage import CLUSTER, stream_key
from iot_platform.orchestration.assets.shown import figures
from iot_platform.orchestration.signals import Observed, observe
from iot_platform.pipeline.cluster import ClusterReport
from iot_platform.pipeline.lag import LagReport
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.slots import Role
from iot_platform.watch.alerts.signals import Signal
from iot_platform.watch.lag.verdict import GroupLag


def watch_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that observes streams and topics, and evaluates the alerts."""

    @dg.sensor(
        name="watch",
        minimum_interval_seconds=round(settings.dagster.watch_interval_seconds),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Observes lag and stream health, evaluates the alert rules (iot_platform/watch/alerts/rules.toml, "
        "or the setting alerts.rules) and sends what is new to alerts.channels. `iot-platform alerts list` shows it.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        current, clock = load_settings(), SystemClock()
        seen = observe(context.instance, current, clock)
        told = _alert(current, clock, seen.signals, seen.unknown)
        return dg.SensorResult(skip_reason=dg.SkipReason(told), asset_events=_observations(current, seen))

    return sensor


def _alert(settings: Settings, clock: SystemClock, signals: Sequence[Signal], unknown: frozenset[str]) -> str:
    from iot_platform.pipeline.alerting import evaluate  # noqa: PLC0415 - DuckDB and Apprise take a moment of each load

    try:
        evaluation = evaluate(settings, clock, signals, unknown)
    except AlreadyRunningError:
        return "Another evaluation of alerts is under way."
    titles = "; ".join(sorted(incident.subject for incident in evaluation.firing))
    return f"{len(evaluation.firing)} alerts fire: {titles}" if evaluation.firing else "No alert fires."


def _observations(settings: Settings, seen: Observed) -> list[dg.AssetObservation]:
    """Lag on the topic that a group reads, and what the streams' processes did."""
    observed = lag_observations(settings, seen.lag) if seen.lag else []
    if seen.cluster:
        observed.append(cluster_observation(seen.cluster))
    for stream, role, values in seen.processes:
        observed.append(dg.AssetObservation(stream_key(stream, Role(role)), metadata=figures(values)))
    return observed


def lag_observations(settings: Settings, report: LagReport) -> list[dg.AssetObservation]:
    """One for each group and topic of ours that it reads: figures that the UI plots, its status and its words."""
    ours = {topic for stream in settings.streams for topic in Topology(stream).topics}
    return [
        dg.AssetObservation(topic, metadata=_lag_metadata(_shown(group.group, report), group, topic))
        for group in report.groups
        for topic in sorted({part.topic for part in group.partitions} & ours)
    ]


def _shown(group: str, report: LagReport) -> str:
    if group not in report.own:
        return group
    return "validators" if group.startswith("validator") else "loader"


def _lag_metadata(name: str, group: GroupLag, topic: str) -> dict[str, Any]:
    parts = [part for part in group.partitions if part.topic == topic]
    worst = max(parts, key=lambda part: (part.status.severity, part.behind.seconds))
    rates = {
        "arrive (per second)": [part.rates.inflow for part in parts],
        f"{name} take (per second)": [part.rates.outflow for part in parts],
    }
    known = {key: sum(rate for rate in found if rate is not None) for key, found in rates.items() if None not in found}
    left = [part.retention_left_seconds for part in parts if part.retention_left_seconds is not None]
    return {
        **figures(
            {
                f"{name} behind (messages)": sum(part.messages for part in parts),
                f"{name} behind (seconds)": max(part.behind.seconds for part in parts),
                **known,
                **({f"{name}: retention left (hours)": min(left) / 3600} if left else {}),
            }
        ),
        f"{name}: status": dg.MetadataValue.text(str(worst.status)),
        f"{name}: worst partition": dg.MetadataValue.text(f"{worst.partition}: {worst.text}"),
    }


def cluster_observation(report: ClusterReport) -> dg.AssetObservation:
    """Kafka itself: figures that the UI plots, its status, and what is wrong."""
    parts, disk = report.state.replicas.values(), report.disk
    plotted = {
        "brokers": len(report.state.brokers),
        "partitions": len(parts),
        "partitions without a leader": sum(part.leader < 0 for part in parts),
        "partitions out of step": sum(len(part.in_sync) < len(part.replicas) for part in parts),
        "arrive (per second)": sum(topic.inflow or 0.0 for topic in report.topics),
        **({"disk free (GB)": disk.free_bytes / 1e9} if disk else {}),
        **{f"{topic.topic} (MB)": topic.bytes / 1e6 for topic in report.topics if topic.bytes is not None},
    }
    words = "\n".join(f"- {finding.text}" for finding in report.findings) or "Nothing is wrong."
    told = {"status": dg.MetadataValue.text(report.status), "says": dg.MetadataValue.md(words)}
    return dg.AssetObservation(CLUSTER, metadata={**figures(plotted), **told})
