"""What is wrong now, gathered for the alerts: streams, lag, Kafka, disk, and the newest verdicts of the checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from iot_platform.clock import Clock, duration
from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.orchestration.checks import STREAMS
from iot_platform.orchestration.streams.keeper import slot_facts
from iot_platform.pipeline.cluster import ClusterReport
from iot_platform.pipeline.lag import LagReport
from iot_platform.quality.checks import CHECKS
from iot_platform.settings import Settings
from iot_platform.supervision.observing import look
from iot_platform.supervision.slots import Draining, Role, Slot, all_slots, read_desired
from iot_platform.watch.alerts import signals as names
from iot_platform.watch.alerts.signals import Signal, check_signals

_STALE_CYCLES = 10
_STALE_SECONDS = 600.0
"""A cycle may take a while, and the first one after a long pause longer."""


@dataclass(frozen=True)
class Observed:
    """One look at everything. `unknown` names what could not be asked, `lag` and `cluster` are None when Kafka does not
    answer; `processes` are stream, role and figures."""

    lag: LagReport | None
    cluster: ClusterReport | None
    signals: list[Signal]
    unknown: frozenset[str]
    processes: list[tuple[str, str, dict[str, float]]]


def observe(instance: dg.DagsterInstance, settings: Settings, clock: Clock) -> Observed:
    """Ask everybody, once."""
    now = clock.now()
    seen = look(settings, clock, lambda slot: _failures(instance, settings, slot))
    verdicts, unjudged = _verdicts(instance, now)
    found = [*seen.signals, *verdicts, *_stale(instance, settings, now)]
    unknown = frozenset(seen.unknown | unjudged | names.SEEN_FROM_OUTSIDE)
    return Observed(seen.lag, seen.cluster, found, unknown, list(_processes(settings, seen.beats)))


def _failures(instance: dg.DagsterInstance, settings: Settings, slot: Slot) -> int:
    """How many of a slot's last runs failed in a row."""
    ended = [run for run in slot_facts(instance, settings, slot).runs if run.ended_at is not None]
    return next((nth for nth, run in enumerate(ended) if run.status is not dg.DagsterRunStatus.FAILURE), len(ended))


def _stale(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Iterator[Signal]:
    """Whether the last cycle that succeeded is too long ago; before the first there is nothing to be stale."""
    if read_desired(settings).draining is not Draining.NOTHING:
        return
    mine = {CYCLE_TAG: "true"}
    good = instance.get_run_records(
        dg.RunsFilter(tags=mine, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1, order_by="update_timestamp"
    )
    if good and (text := stale_sentence(good[0].end_time, settings.dagster.load_interval_seconds, now)):
        yield Signal("platform", names.ASSETS_STALE, "tables", "error", text, now)


def stale_sentence(ended_at: float | None, interval_seconds: float, now: datetime) -> str:
    """Of the last good cycle, that ended then (Unix seconds); empty while it is young enough."""
    if ended_at is None:
        return ""
    age_seconds = now.timestamp() - ended_at
    if age_seconds <= max(_STALE_SECONDS, _STALE_CYCLES * interval_seconds):
        return ""
    return f"The last cycle that loaded and built tables ended {duration(age_seconds)} ago."


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


def _of_streams(name: str, evaluation: dg.AssetCheckEvaluation, now: datetime) -> list[Signal]:
    status = "pass" if evaluation.passed else evaluation.severity.value.lower()
    told = evaluation.metadata.get(STREAMS)
    said = told.data if isinstance(told, dg.JsonMetadataValue) and isinstance(told.data, dict) else {}
    streams = {stream: (one["status"], one["text"]) for stream, one in said.items()}
    return check_signals(name, status, evaluation.description or "", streams, now)


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
