"""What Dagster loads: `dagster api grpc -m iot_platform.definitions`. Explicit lists, nothing discovered."""

from __future__ import annotations

import dagster as dg

from iot_platform.orchestration.assets.accounting import accounting_assets
from iot_platform.orchestration.assets.lineage import topic_specs
from iot_platform.orchestration.assets.marts import mart_assets
from iot_platform.orchestration.assets.warehouse import load_asset, readers_copy
from iot_platform.orchestration.automation import (
    cycle_job,
    hourly_partitions,
    keep_loading,
    upkeep,
    upkeep_schedule,
)
from iot_platform.orchestration.checks import checks
from iot_platform.orchestration.diagnosing import diagnose_job
from iot_platform.orchestration.reporting import (
    daily_job,
    daily_partitions,
    keep_report_current,
    report_asset,
    report_schedules,
    weekly_report,
)
from iot_platform.orchestration.streams.keeper import keep_streams_running
from iot_platform.orchestration.streams.ops import producer, validator
from iot_platform.orchestration.streams.scaler import scale_sensor
from iot_platform.orchestration.watching import watch_sensor
from iot_platform.orchestration.workbench import WORKBENCH_JOBS
from iot_platform.settings import load_settings
from iot_platform.supervision.dagster_home import first_hour
from iot_platform.warehouse.schema import described_tables


@dg.definitions
def defs() -> dg.Definitions:
    """Everything in the UI; the streams and their intervals are those of the settings as they are now."""
    settings, columns = load_settings(), described_tables()
    since = first_hour(settings)
    partitions, cycle = hourly_partitions(since), cycle_job()
    report = report_asset(daily_partitions(since))
    daily = daily_job(report)
    return dg.Definitions(
        assets=[
            *topic_specs(settings),
            load_asset(settings, columns),
            *mart_assets(partitions, columns),
            *accounting_assets(settings, columns),
            readers_copy,
            report,
        ],
        asset_checks=[checks],
        jobs=[validator, producer, cycle, upkeep, daily, weekly_report, diagnose_job, *WORKBENCH_JOBS],
        sensors=[
            keep_streams_running,
            keep_loading(cycle, settings.dagster.load_interval_seconds),
            keep_report_current(daily),
            watch_sensor(settings),
            scale_sensor(settings),
        ],
        schedules=[upkeep_schedule, *report_schedules(settings, daily)],
        executor=dg.in_process_executor,  # steps of one run share the warehouse, which one process may open
    )
