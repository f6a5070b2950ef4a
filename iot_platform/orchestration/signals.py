"""What is wrong now, gathered for the alerts: streams, lag, Kafka, disk, and the newest verdicts of the checks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from iot_platform.clock import Clock
from iot_platform.errors import KafkaUnavailableError, PlatformError
from iot_platform.lifecycle import is_held
from iot_platform.orchestration.checks import STREAMS
from iot_platform.orchestration.streams.keeper import slot_facts
from iot_platform.pipeline.lag import LagReport, chosen, watch_lag
from iot_platform.quality.checks import CHECKS
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import GroupFigures
from iot_platform.stream.preflight import wait_for_kafka
from iot_platform.supervision.brokers import BrokerFacts, broker_facts, can_serve, down_sentence
from iot_platform.supervision.paused import left_seconds, pause_document
from iot_platform.supervision.slots import Desired, Draining, Role, Slot, all_slots, read_desired
from iot_platform.supervision.status import read_heartbeats
from iot_platform.watch.alerts import signals as names
from iot_platform.watch.alerts.signals import Signal, check_signal, severity
from iot_platform.watch.lag.signal import signal_of

_KAFKA_SECONDS = 3.0
_LEAST_FREE_BYTES = 2_000_000_000
_FAILURES_THAT_MATTER = 3
_ALL_STREAMS = "all streams"
_BEAT_STALE_SECONDS = 60.0


@dataclass(frozen=True)
class Observed:
    """One look at everything. `unknown` names what could not be asked, `lag` is None when Kafka does not answer;
    `processes` are stream, role and figures."""

    lag: LagReport | None
    signals: list[Signal]
    unknown: frozenset[str]
    processes: list[tuple[str, str, dict[str, float]]]


def observe(instance: dg.DagsterInstance, settings: Settings, clock: Clock) -> Observed:
    """Ask everybody, once."""
    now, desired = clock.now(), read_desired(settings)
    beats = read_heartbeats(settings.heartbeat_dir, clock)
    brokers = broker_facts(settings)
    report, kafka, unknown = _lag(settings, clock, now, brokers)
    groups = report.figures if report else ()
    verdicts, unjudged = _verdicts(instance, now)
    found = [
        *kafka,
        *_brokers(brokers, now),
        *(_lags(settings, report, now) if report else ()),
        *_slots(instance, settings, desired, now),
        *_paused(settings, groups, clock),
        *_disk(settings, now),
        *_locked(settings, beats, now),
        *_full_spools(beats, now),
        *verdicts,
    ]
    return Observed(report, found, frozenset(unknown | unjudged), list(_processes(settings, beats)))


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


def _slots(instance: dg.DagsterInstance, settings: Settings, desired: Desired, now: datetime) -> Iterator[Signal]:
    if desired.draining is not Draining.NOTHING:
        return
    for slot in all_slots(settings, desired):
        if slot.name in desired.held:
            why = desired.held[slot.name].why
            yield Signal("stream", names.STREAM_STOPPED, slot.name, "info", f"{slot.name} is off: {why}.", now)
        elif not is_held(slot.lease_path(settings)):
            yield _down(instance, settings, slot, now)


def _down(instance: dg.DagsterInstance, settings: Settings, slot: Slot, now: datetime) -> Signal:
    """A slot that should run and does not; failing when its last runs all failed."""
    ended = [run for run in slot_facts(instance, settings, slot).runs if run.ended_at is not None]
    failures = next((nth for nth, run in enumerate(ended) if run.status is not dg.DagsterRunStatus.FAILURE), len(ended))
    if failures >= _FAILURES_THAT_MATTER:
        text = f"{slot.name} failed {failures} times in a row."
        return Signal("stream", names.STREAM_FAILING, slot.name, "error", text, now)
    text = f"{slot.name} should run and does not."
    return Signal("stream", names.STREAM_NOT_RUNNING, slot.name, "error", text, now)


def _paused(settings: Settings, groups: Sequence[GroupFigures], clock: Clock) -> Iterator[Signal]:
    for stream in settings.streams:
        left = [seconds for group in groups if (seconds := left_seconds(settings, stream, group)) is not None]
        pause = pause_document(settings, stream, clock, min(left, default=None))
        if pause is not None:
            yield Signal("stream", names.STREAM_PAUSED, stream, "error", pause["text"], clock.now(), pause["share"])


def _disk(settings: Settings, now: datetime) -> Iterator[Signal]:
    free = shutil.disk_usage(settings.state_dir).free
    if free < _LEAST_FREE_BYTES:
        text = f"{free / 1e9:.1f} GB are left on the disk of {settings.state_dir}."
        yield Signal("platform", names.DISK_LOW, str(settings.state_dir), "warn", text, now)


def _verdicts(instance: dg.DagsterInstance, now: datetime) -> tuple[list[Signal], set[str]]:
    """The newest verdict of each check, and those without one, such as while it is judged anew.

    A red check leaves its run green, so nobody else tells of it.
    """
    keys = {name: dg.AssetCheckKey(dg.AssetKey(check.table), name) for name, check in CHECKS.items()}
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys.values()))
    found: list[Signal] = []
    unknown: set[str] = set()
    for name, key in keys.items():
        evaluation = records[key].evaluation if key in records else None
        if not isinstance(evaluation, dg.AssetCheckEvaluation):  # never judged, or a run has it planned
            unknown.add(f"check/{name}")
            continue
        found.extend(_of_streams(name, evaluation, now))
    return found, unknown


def _of_streams(name: str, evaluation: dg.AssetCheckEvaluation, now: datetime) -> Iterator[Signal]:
    """What a check says of each stream; and of all, where only all together are as bad as it says."""
    status = "pass" if evaluation.passed else evaluation.severity.value.lower()
    told = evaluation.metadata.get(STREAMS)
    streams = told.data if isinstance(told, dg.JsonMetadataValue) and isinstance(told.data, dict) else {}
    of_each = [check_signal(name, stream, one["status"], one["text"], now, stream) for stream, one in streams.items()]
    yield from of_each
    of_all = check_signal(name, _ALL_STREAMS, status, evaluation.description or "", now)
    if severity(of_all.level) > max((severity(one.level) for one in of_each), default=severity("ok")):
        yield of_all


def _locked(settings: Settings, beats: Mapping[str, Any], now: datetime) -> Iterator[Signal]:
    """The loader says in its heartbeat when it waits for the warehouse; no second process is to try it."""
    error = str(beats.get("loader", {}).get("last_error", ""))
    if str(settings.warehouse_path) in error:
        yield Signal("platform", names.WAREHOUSE_LOCKED, "warehouse", "error", error, now)


def _full_spools(beats: Mapping[str, Any], now: datetime) -> Iterator[Signal]:
    """A producer says in its heartbeat that its spool takes no more, by size or by age."""
    for name, beat in beats.items():
        if beat.get("spool_full") and beat["age_seconds"] <= _BEAT_STALE_SECONDS:
            yield Signal("platform", names.SPOOL_FULL, name, "error", beat["problem"], now)


def _processes(settings: Settings, beats: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, float]]]:
    """What the streams' processes have done since they started, summed over the slots of a role."""
    slots = [slot for slot in all_slots(settings, read_desired(settings)) if slot.name in beats]
    for stream in settings.streams:
        for role, shown in ((Role.VALIDATOR, _VALIDATOR), (Role.PRODUCER, _PRODUCER)):
            mine = [beats[slot.name] for slot in slots if (slot.role, slot.stream) == (role, stream)]
            if mine:
                paused = (
                    {"paused": float(sum("paused_since" in beat for beat in mine))} if role is Role.VALIDATOR else {}
                )
                yield stream, role.value, {"running": float(len(mine)), **paused, **_summed(mine, shown)}


_VALIDATOR = ("valid", "dead", "duplicates", "aborts")
_PRODUCER = ("born", "acknowledged", "spooled", "refused")


def _summed(beats: list[dict[str, Any]], shown: tuple[str, ...]) -> Mapping[str, float]:
    return {name: float(sum(beat.get(name, 0) for beat in beats)) for name in shown}
