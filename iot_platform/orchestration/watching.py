"""Lag and health without a run for each: observed every half minute, and the alerts raised from it.

Runless events cost about 15 ms each. Everything asked here answers within seconds or counts as unknown: a sensor that
waits holds up nobody but itself, and what is unknown neither raises nor resolves an alert.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.errors import AlreadyRunningError
from iot_platform.orchestration.assets.lineage import stream_key
from iot_platform.orchestration.assets.shown import figures
from iot_platform.orchestration.signals import Observed, observe
from iot_platform.settings import Settings, load_settings
from iot_platform.stream.offsets import GroupFigures
from iot_platform.supervision.slots import Role
from iot_platform.watch.alerts.signals import Signal


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
        return dg.SensorResult(skip_reason=dg.SkipReason(told), asset_events=_observations(seen.groups, seen))

    return sensor


def _alert(settings: Settings, clock: SystemClock, signals: Sequence[Signal], unknown: frozenset[str]) -> str:
    from iot_platform.pipeline.alerting import evaluate  # noqa: PLC0415 - DuckDB and Apprise take a moment of each load

    try:
        evaluation = evaluate(settings, clock, signals, unknown)
    except AlreadyRunningError:
        return "Another evaluation of alerts is under way."
    titles = "; ".join(sorted(incident.subject for incident in evaluation.firing))
    return f"{len(evaluation.firing)} alerts fire: {titles}" if evaluation.firing else "No alert fires."


def _observations(groups: Sequence[GroupFigures], seen: Observed) -> list[dg.AssetObservation]:
    """Lag on the topic that a group reads, and what the streams' processes did."""
    observed = []
    for group in groups:
        by_topic: dict[str, list[float]] = {}
        for part in group.partitions:
            messages, seconds = by_topic.setdefault(part.topic, [0, 0.0])
            by_topic[part.topic] = [messages + part.messages, max(seconds, part.seconds)]
        for topic, (messages, seconds) in by_topic.items():
            name = "validators" if group.group.startswith("validator") else "loader"
            values = {f"{name} behind (messages)": int(messages), f"{name} behind (seconds)": round(seconds, 1)}
            observed.append(dg.AssetObservation(topic, metadata=figures(values)))
    for stream, role, values in seen.processes:
        observed.append(dg.AssetObservation(stream_key(stream, Role(role)), metadata=figures(values)))
    return observed
