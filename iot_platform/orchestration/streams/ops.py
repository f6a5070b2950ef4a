"""The long-running ops: one run is one stream process, in the run's own worker.

The work is the very code that `iot-platform validate` and `produce` run. Kafka's clients are opened inside the op: an
interrupt during a resource's set-up may be lost. No RetryPolicy: it would apply to interrupts too.
"""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from iot_platform import faultpoints
from iot_platform.clock import Clock, SystemClock
from iot_platform.errors import SettingsError
from iot_platform.health import serving
from iot_platform.lifecycle import Heartbeat, is_held, lease, leave_soon_after_parent
from iot_platform.orchestration.failing import failing
from iot_platform.orchestration.streams.stopping import Reason, RunState, RunStop, StopPolicy
from iot_platform.orchestration.streams.summaries import TellingHeartbeat
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.slots import Role, Slot, all_slots, change_desired, read_desired

log = logging.getLogger(__name__)

SLOT_TAG = "iot/slot"
"""On each run of a stream: the slot's name."""

_REEXECUTED_TAG = "dagster/parent_run_id"
_GOING_ON = frozenset({dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED})


class ValidatorConfig(dg.Config):
    """Which validator. Slots of one stream share its partitions; each slot runs once."""

    stream: str = "iot_data"
    slot: int = 0


class ProducerConfig(dg.Config):
    """The simulated fleet of a stream, as the settings describe it (IOT_FLEET__…); `slot`: which of its producers."""

    stream: str = "iot_data"
    slot: int = 0


@dg.op(tags={"dagster/compute_kind": "kafka"})
def validate_stream(context: dg.OpExecutionContext, config: ValidatorConfig) -> None:
    """Validate raw readings exactly once: valid ones on, others to the dead letters. Runs until it is stopped."""
    settings = load_settings()
    slot = Slot(Role.VALIDATOR, config.stream, config.slot)
    _run(context, settings, slot, _validate)


@dg.op(tags={"dagster/compute_kind": "kafka"})
def produce_fleet(context: dg.OpExecutionContext, config: ProducerConfig) -> None:
    """Send the simulated fleet's readings into a stream. Runs until it is stopped."""
    settings = load_settings()
    if config.stream != settings.fleet.stream:
        raise dg.Failure(
            f"The fleet sends into {settings.fleet.stream}, not into {config.stream}. Set IOT_FLEET__STREAM to change "
            "that, or give this run no configuration.",
            allow_retries=False,
        )
    _run(context, settings, Slot(Role.PRODUCER, config.stream, config.slot), _produce)


Work = Callable[[Settings, Slot, RunStop, Heartbeat, Clock], object]


def _run(context: dg.OpExecutionContext, settings: Settings, slot: Slot, work: Work) -> None:
    """Run `work` until it stops, and end the run as `stopping.py` says."""
    with failing():
        settings.stream(slot.stream)
        faultpoints.arm(settings.faultpoint)
    by_hand = is_by_hand(context.run.tags)
    clock = SystemClock()
    if by_hand:
        _take_by_hand(context, settings, slot)
    stop = RunStop(
        StopPolicy(settings.dagster.recycle_hours * 3600),
        clock,
        run_state=lambda: run_state(context.instance, context.run_id),
        is_wanted=lambda: _is_wanted(settings, slot, by_hand=by_hand),
        parent_pid=os.getppid(),
    )
    heartbeat = TellingHeartbeat(
        settings.heartbeat_dir / f"{slot.name}.json", clock, slot.role, context.log.info,
        settings.dagster.summary_seconds,
    )  # fmt: skip
    leave_soon_after_parent(os.getppid())
    # A slot that runs already is served by its own process.
    shown = nullcontext() if is_held(slot.lease_path(settings)) else _served(settings, slot, heartbeat, clock)
    with failing(), stop.listening(), shown:
        work(settings, slot, stop, heartbeat, clock)
    heartbeat.tell()
    _end(context, slot, stop)


def _served(settings: Settings, slot: Slot, heartbeat: Heartbeat, clock: Clock) -> AbstractContextManager[None]:
    from iot_platform.stream.preflight import kafka_probe  # noqa: PLC0415 - confluent_kafka, only where a run works

    return serving(settings, slot.name, heartbeat, clock, lambda: kafka_probe(settings))


def is_by_hand(tags: Mapping[str, str]) -> bool:
    """Whether a person launched this run, or executed one again, which copies the tags of the first."""
    return SLOT_TAG not in tags or _REEXECUTED_TAG in tags


def _is_wanted(settings: Settings, slot: Slot, *, by_hand: bool) -> bool:
    """A run that a person launched may be beyond the wanted number of slots.

    A producer also ends when another number of them is to share the fleet: the next run takes its new part.
    """
    desired = read_desired(settings)
    if slot.role is Role.PRODUCER and _producers_now(settings) != settings.fleet.producers:
        return False
    return desired.lets_run(slot) and (by_hand or slot in all_slots(settings, desired))


def _producers_now(settings: Settings) -> int:
    """As `iot.toml` says now; while it is being changed and does not hold, as before."""
    try:
        return load_settings().fleet.producers
    except SettingsError:
        return settings.fleet.producers


def _take_by_hand(context: dg.OpExecutionContext, settings: Settings, slot: Slot) -> None:
    """A person launched this run: whatever held the slot back is over, from the moment at which the run was made.

    A slot that runs is left as it is, and this run is none of its runs.
    """
    if not read_desired(settings).lets_run(slot, held=False):
        raise dg.Failure("The platform is drained. Start it again with `iot-platform up`.", allow_retries=False)
    with failing(), lease(slot.lease_path(settings), slot.name):
        pass
    record = context.instance.get_run_record_by_id(context.run_id)
    assert record is not None
    change_desired(settings, lambda desired: desired.release(slot, record.create_timestamp))
    context.instance.add_run_tags(context.run_id, {SLOT_TAG: slot.name})


def _end(context: dg.OpExecutionContext, slot: Slot, stop: RunStop) -> None:
    told = f"Stopped: {stop.reason or 'the work was done'}."
    if stop.reason is Reason.TERMINATED:  # what Dagster tells next looks like an error
        told += (
            f" It ended between two transactions, nothing is lost. Terminate keeps {slot.name} off until "
            f"`iot-platform streams start {slot.name}`, or a run launched here."
        )
    context.log.info(told)
    if stop.reason is Reason.TERMINATED:
        raise dg.DagsterExecutionInterruptedError
    if stop.reason in (Reason.ORPHANED, Reason.RUN_OVER):
        raise dg.Failure(f"Stopped: {stop.reason}.", allow_retries=False)


def run_state(instance: dg.DagsterInstance, run_id: str) -> RunState:
    """What Dagster says of a run. Where its database cannot be asked, the run goes on: nobody has said otherwise."""
    try:
        run = instance.get_run_by_id(run_id)
    except SQLAlchemyError as error:
        log.warning("Dagster's database does not answer, the stream goes on: %s", error)
        return RunState.GOES_ON
    if run is not None and run.status in _GOING_ON:
        return RunState.GOES_ON
    if run is not None and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        return RunState.CANCELING
    return RunState.OVER


def _validate(settings: Settings, slot: Slot, stop: RunStop, heartbeat: Heartbeat, clock: Clock) -> None:
    from iot_platform.stream.validator import run_validator  # noqa: PLC0415 - polars takes a second of every load

    run_validator(settings, slot.stream, slot.number, stop=stop, clock=clock, heartbeat=heartbeat)


def _produce(settings: Settings, slot: Slot, stop: RunStop, heartbeat: Heartbeat, clock: Clock) -> None:
    from iot_platform.stream.producer import Edges, check_part, run_fleet  # noqa: PLC0415 - numpy takes a moment
    from iot_platform.stream.sources.fleet import fleet_source  # noqa: PLC0415
    from iot_platform.stream.sources.journal import journal_of, journaled  # noqa: PLC0415

    check_part(settings, slot.number)
    fleet = fleet_source(settings, slot.stream, clock, slot.number)
    source = journaled(fleet, journal_of(settings.fleet.journal, slot.number))
    run_fleet(settings, source, slot.stream, Edges(clock, stop, heartbeat))


@dg.job(
    executor_def=dg.in_process_executor,
    description="One validator of a stream. It runs for hours and ends when it is terminated, drained or recycled; "
    "the sensor `keep_streams_running` starts the next. Terminate it here to keep it off.",
)
def validator() -> None:
    validate_stream()


@dg.job(
    executor_def=dg.in_process_executor,
    description="The simulated fleet of sensors. It runs for hours and ends when it is terminated, drained or "
    "recycled; the sensor `keep_streams_running` starts the next. Terminate it here to keep it off.",
)
def producer() -> None:
    produce_fleet()


JOB_OF = {Role.VALIDATOR: validator, Role.PRODUCER: producer}


def run_request(slot: Slot) -> dg.RunRequest:
    """What starts one slot. No run key: it would be deduplicated for ever."""
    operation = "validate_stream" if slot.role is Role.VALIDATOR else "produce_fleet"
    config: dict[str, Any] = {"stream": slot.stream, "slot": slot.number}
    return dg.RunRequest(
        job_name=JOB_OF[slot.role].name,
        run_config={"ops": {operation: {"config": config}}},
        tags={SLOT_TAG: slot.name},
    )
