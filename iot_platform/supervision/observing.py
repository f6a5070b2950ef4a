"""What is wrong now, as far as it can be seen without Dagster: streams, lag, Kafka, disk, spools.

Everything asked here answers within seconds or counts as unknown.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iot_platform.clock import Clock
from iot_platform.errors import KafkaUnavailableError, PlatformError
from iot_platform.lifecycle import is_held
from iot_platform.pipeline.cluster import ClusterReport, watch_cluster
from iot_platform.pipeline.lag import LagReport, chosen, watch_lag
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import GroupFigures
from iot_platform.stream.preflight import wait_for_kafka
from iot_platform.supervision.brokers import BrokerFacts, broker_facts, can_serve, down_sentence
from iot_platform.supervision.paused import left_seconds, pause_document
from iot_platform.supervision.slots import Desired, Draining, Slot, all_slots, read_desired
from iot_platform.supervision.spools import spool_signals
from iot_platform.supervision.status import read_heartbeats
from iot_platform.watch.alerts import signals as names
from iot_platform.watch.alerts.signals import Signal
from iot_platform.watch.cluster import judging
from iot_platform.watch.lag.signal import signal_of

_KAFKA_SECONDS = 3.0
_LITTLE_FREE_BYTES = 2_000_000_000
_HARDLY_FREE_BYTES = 500_000_000
_FAILURES_THAT_MATTER = 3

FailuresOf = Callable[[Slot], int]
"""How often a slot's process has failed in a row, as far as it is known."""


@dataclass(frozen=True)
class Look:
    """One look. `unknown` names what could not be asked, `lag` and `cluster` are None when Kafka does not answer;
    `beats` are the processes' signs of life by name."""

    lag: LagReport | None
    cluster: ClusterReport | None
    signals: list[Signal]
    unknown: frozenset[str]
    beats: Mapping[str, Mapping[str, Any]]


def look(settings: Settings, clock: Clock, failures_of: FailuresOf) -> Look:
    """Ask everybody, once."""
    now, desired = clock.now(), read_desired(settings) if settings.dagster.enabled else Desired()
    beats = read_heartbeats(settings.heartbeat_dir, clock)
    brokers = broker_facts(settings)
    report, kafka, unknown = _lag(settings, clock, now, brokers)
    cluster = _cluster(settings, clock) if report else None
    if cluster is None:
        unknown |= {f"platform/{name}" for name in judging.NAMES}
    found = [
        *kafka,
        *_brokers(brokers, now),
        *(cluster_signals(settings, cluster, now) if cluster else ()),
        *(_lags(settings, report, now) if report else ()),
        *_slots(settings, desired, now, failures_of),
        *_paused(settings, report.figures if report else (), clock),
        *disk_signals(str(settings.state_dir), shutil.disk_usage(settings.state_dir).free, now),
        *_locked(settings, beats, now),
        *spool_signals(settings, beats, now),
    ]
    return Look(report, cluster, found, frozenset(unknown), beats)


def disk_signals(place: str, free_bytes: int, now: datetime) -> Iterator[Signal]:
    """Less than 2 GB are little, less than 0.5 GB are hardly anything."""
    if free_bytes < _LITTLE_FREE_BYTES:
        text = f"{free_bytes / 1e9:.1f} GB are left on the disk of {place}."
        hardly = free_bytes < _HARDLY_FREE_BYTES
        yield Signal("platform", names.DISK_LOW, place, "error" if hardly else "warn", text, now)


def _brokers(facts: Sequence[BrokerFacts], now: datetime) -> Iterator[Signal]:
    if text := down_sentence(facts):
        yield Signal("platform", names.BROKER_DOWN, "brokers", "warn", text, now)


def _lag(
    settings: Settings, clock: Clock, now: datetime, brokers: Sequence[BrokerFacts]
) -> tuple[LagReport | None, list[Signal], set[str]]:
    """The report, or why there is none; and what was not told of."""
    try:
        if not can_serve(brokers):
            raise KafkaUnavailableError(down_sentence(brokers) or "The platform's own broker does not run.")
        wait_for_kafka(Clients(settings), _KAFKA_SECONDS)  # who is away is asked nothing more
        report = watch_lag(settings, clock)
    except PlatformError as error:
        signal = Signal("platform", names.KAFKA_UNREACHABLE, settings.bootstrap_servers, "error", error.message, now)
        return None, [signal], {"lag"}
    return report, [], {f"lag/{names.LAG_SECONDS}/{name}" for name in report.unanswered}


def _lags(settings: Settings, report: LagReport, now: datetime) -> Iterator[Signal]:
    """Of our groups, and of those of others that are to raise alerts."""
    told = {*report.own, *chosen(settings.lag.alert_groups, (group.group for group in report.groups))}
    for group in report.groups:
        signal = signal_of(group, now, report.own.get(group.group, "")) if group.group in told else None
        if signal is not None:
            yield signal


def _cluster(settings: Settings, clock: Clock) -> ClusterReport | None:
    try:
        return watch_cluster(settings, clock)
    except PlatformError:
        return None


def cluster_signals(settings: Settings, report: ClusterReport, now: datetime) -> Iterator[Signal]:
    """What is wrong with the cluster; that a broker of our own is down is known from its process."""
    for finding in report.findings:
        if finding.name != judging.BROKER_GONE or not settings.own_broker:
            yield Signal("platform", finding.name, finding.subject, finding.level, finding.text, now)


def _slots(settings: Settings, desired: Desired, now: datetime, failures_of: FailuresOf) -> Iterator[Signal]:
    if desired.draining is not Draining.NOTHING:
        return
    for slot in all_slots(settings, desired):
        if slot.name in desired.held:
            text = f"{slot.name} is off: {desired.held[slot.name].why}."
            yield Signal("stream", names.STREAM_STOPPED, slot.name, "info", text, now, stream=slot.stream)
        elif not is_held(slot.lease_path(settings)):
            yield down_signal(slot, failures_of(slot), now)


def down_signal(slot: Slot, failures: int, now: datetime) -> Signal:
    """A slot that should run and does not; failing when its last runs all failed."""
    if failures >= _FAILURES_THAT_MATTER:
        name, text = names.STREAM_FAILING, f"{slot.name} failed {failures} times in a row."
    else:
        name, text = names.STREAM_NOT_RUNNING, f"{slot.name} should run and does not."
    return Signal("stream", name, slot.name, "error", text, now, stream=slot.stream)


def _paused(settings: Settings, groups: Sequence[GroupFigures], clock: Clock) -> Iterator[Signal]:
    for stream in settings.streams:
        left = [seconds for group in groups if (seconds := left_seconds(settings, stream, group)) is not None]
        pause = pause_document(settings, stream, clock, min(left, default=None))
        if pause is not None:
            yield Signal(
                "stream", names.STREAM_PAUSED, stream, "error", pause["text"], clock.now(), pause["share"], stream
            )


def _locked(settings: Settings, beats: Mapping[str, Any], now: datetime) -> Iterator[Signal]:
    """The loader says in its heartbeat when it waits for the warehouse; no second process is to try it."""
    error = str(beats.get("loader", {}).get("last_error", ""))
    if str(settings.warehouse_path) in error:
        yield Signal("platform", names.WAREHOUSE_LOCKED, "warehouse", "error", error, now)
