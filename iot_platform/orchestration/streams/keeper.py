"""The sensor that keeps the wanted streams running: collects the facts, lets `keeping.decide`, and acts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.lifecycle import is_held
from iot_platform.orchestration.streams.keeping import Bury, Hold, Launch, RunFacts, SlotFacts, Wait, decide
from iot_platform.orchestration.streams.ops import SLOT_TAG, producer, run_request, validator
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.slots import Desired, Draining, Slot, all_slots, change_desired, read_desired

_INTERVAL_SECONDS = 10
_RUNS_LOOKED_AT = 10
"""Enough to count the failures in a row up to the longest wait."""


@dg.sensor(
    jobs=[validator, producer],
    minimum_interval_seconds=_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the wanted streams running: starts what is missing, waits longer after each failure, and leaves "
    "off what a person terminated. `iot-platform streams start NAME`, or a run launched by hand, ends that.",
)
def keep_streams_running(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    settings, clock = load_settings(), SystemClock()
    desired = read_desired(settings)
    facts = [slot_facts(context.instance, settings, slot) for slot in all_slots(settings, desired)]
    requests, told = [], []
    for action in decide(facts, desired, clock.now()):
        match action:
            case Launch(slot):
                requests.append(run_request(slot))
            case Hold(slot, run_id):
                why = f"run {run_id[:8]} was terminated by a person"
                change_desired(settings, partial(Desired.hold, slot=slot, why=why, now=clock.now()))
                told.append(f"{slot.name} stays off: {why}")
            case Bury(slot, run_id):
                bury(context.instance, run_id)
                told.append(f"{slot.name}: the worker of run {run_id[:8]} is gone")
            case Wait(slot, failures, until):
                told.append(f"{slot.name} failed {failures} times, next start at {until:%H:%M:%S}")
    told += [f"{name} is off: {hold.why}" for name, hold in desired.held.items()]
    if desired.draining is not Draining.NOTHING:
        told.append("drained: `iot-platform up` starts the streams")
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SkipReason("; ".join(told) or "All wanted streams run.")


def slot_facts(instance: dg.DagsterInstance, settings: Settings, slot: Slot) -> SlotFacts:
    records = instance.get_run_records(dg.RunsFilter(tags={SLOT_TAG: slot.name}), limit=_RUNS_LOOKED_AT)
    runs = [
        RunFacts(
            record.dagster_run.run_id,
            record.dagster_run.status,
            record.create_timestamp,
            _moment(record.start_time),
            _moment(record.end_time),
        )
        for record in records
    ]
    return SlotFacts(slot, runs, leased=is_held(slot.lease_path(settings)))


def _moment(unix_seconds: float | None) -> datetime | None:
    return None if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC)


def bury(instance: dg.DagsterInstance, run_id: str) -> None:
    """Tell Dagster that a run is over whose worker could not say so itself."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, "The worker of this run is gone: killed, or its machine went down.")
