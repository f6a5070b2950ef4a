"""What happens by itself: loads and marts each minute, and the upkeep that lets nothing grow for ever."""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from iot_platform.clock import SystemClock
from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.orchestration.upkeep import Kept, remove_old
from iot_platform.quality.hours import floor_hour
from iot_platform.settings import load_settings
from iot_platform.supervision.slots import Draining, read_desired
from iot_platform.supervision.status import read_json

CYCLE = "load_and_refresh"
REPORT = "quality_report"
"""Not made in each cycle: by `keep_report_current`, and by its schedule."""
_LOOK_SECONDS = 10
_FIRST_LOADS_SECONDS = 15.0
"""Until there is a first reading, a load is tried this often: a newcomer is waiting."""

LIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def cycle_job() -> UnresolvedAssetJobDefinition:
    """Load, build the marts, judge the checks, renew the readers' copy: one run, one process."""
    return dg.define_asset_job(
        CYCLE,
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets(REPORT),
        executor_def=dg.in_process_executor,
        description="Loads what Kafka holds, builds the marts that it touched, judges the checks and renews the copy "
        "for readers. The sensor `keep_loading` starts it; launch it for one hour to build that hour again.",
    )


def is_due(now: datetime, last_started: datetime | None, interval_seconds: float, *, has_readings: bool) -> bool:
    """Whether a cycle is to start: none has, or its interval has passed."""
    if last_started is None:
        return True
    wait_seconds = interval_seconds if has_readings else min(interval_seconds, _FIRST_LOADS_SECONDS)
    return (now - last_started).total_seconds() >= wait_seconds


def keep_loading(job: UnresolvedAssetJobDefinition, interval_seconds: float) -> dg.SensorDefinition:
    """The sensor that starts a cycle as often as the settings say, one at a time."""

    @dg.sensor(
        name="keep_loading",
        job=job,
        minimum_interval_seconds=min(_LOOK_SECONDS, round(interval_seconds)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts load_and_refresh every IOT_DAGSTER__LOAD_INTERVAL_SECONDS, never two at a time. Switch it "
        "off to load by hand.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings, now = load_settings(), SystemClock().now()
        if read_desired(settings).draining is Draining.ALL:
            return dg.SkipReason("Drained: `iot-platform up` starts the streams and the loads again.")
        mine = {CYCLE_TAG: "true"}
        if context.instance.get_run_records(dg.RunsFilter(tags=mine, statuses=LIVE), limit=1):
            return dg.SkipReason("A cycle is under way.")
        newest = context.instance.get_run_records(dg.RunsFilter(tags=mine), limit=1)
        last_started = newest[0].create_timestamp if newest else None
        has_readings = bool(read_json(settings.state_dir / "totals.json").get("readings"))
        if not is_due(now, last_started, settings.dagster.load_interval_seconds, has_readings=has_readings):
            return dg.SkipReason("The last cycle was a moment ago.")
        hour = floor_hour(now).strftime(PARTITION_FORMAT)
        return dg.RunRequest(partition_key=hour, tags=mine)

    return sensor


PARTITION_FORMAT = "%Y-%m-%d-%H:%M"


def hourly_partitions(first_hour: datetime) -> dg.HourlyPartitionsDefinition:
    """From the installation's first hour to the current one, in UTC."""
    return dg.HourlyPartitionsDefinition(
        start_date=first_hour.astimezone(UTC), timezone="UTC", fmt=PARTITION_FORMAT, end_offset=1
    )


@dg.op
def remove_old_runs(context: dg.OpExecutionContext) -> None:
    """Let go of runs, events and logs that are older than the settings keep."""
    settings = load_settings()
    removed = remove_old(context.instance, SystemClock().now(), Kept.of(settings))
    context.log.info(removed.sentence)


@dg.job(
    executor_def=dg.in_process_executor,
    description="Removes runs, their events and logs, and observations that are older than the settings keep "
    "(IOT_DAGSTER__RETENTION_DAYS). Its schedule runs it each hour.",
)
def upkeep() -> None:
    remove_old_runs()


upkeep_schedule = dg.ScheduleDefinition(
    job=upkeep,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Hourly, so that each time there is little to do.",
)
