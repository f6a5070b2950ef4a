"""The quality report under Dagster: an asset by day, kept current by a sensor, schedules for each day and each week."""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from iot_platform.clock import SystemClock
from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.orchestration.assets.shown import OWNER, Group, figures
from iot_platform.orchestration.automation import LIVE, REPORT
from iot_platform.orchestration.failing import failing
from iot_platform.orchestration.upkeep import CURRENT_REPORT_TAG
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.slots import Draining, read_desired
from iot_platform.supervision.status import read_json

DAILY, WEEKLY = "daily_report", "weekly_report"
SEND_TAG = "iot/send"
"""On runs of a schedule: they send the summary too. A person who builds a day again sends nothing."""

CURRENT_MINUTES = 15
"""How old the report of the day under way may grow. Making it takes a process and a few seconds."""
_LOOK_SECONDS = 30

_DAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 0}  # as cron counts


def daily_partitions(first_hour: datetime) -> dg.DailyPartitionsDefinition:
    """From the installation's first day to the current one, in UTC."""
    start = first_hour.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return dg.DailyPartitionsDefinition(start_date=start, timezone="UTC", end_offset=1)


def report_asset(partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """A day's report, which a person can make again."""

    @dg.asset(
        name=REPORT,
        partitions_def=partitions,
        deps=["readers_copy"],
        group_name=Group.READERS,
        kinds={"html"},
        owners=[OWNER],
        description="The quality report of a day: is the data good, what is wrong, since when, where, and what to do. "
        "One HTML page in the archive (reports/ in the state directory), and its summary here. Materialize a day to "
        "make it again; `iot-platform report` does the same.",
    )
    def quality_report(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Ask the readers' copy, judge, write the page."""
        shown, unsent = _report(context, date.fromisoformat(context.partition_key), week=False)
        yield dg.MaterializeResult(metadata=shown)
        _require_sent(unsent, shown)

    return quality_report


class WeekConfig(dg.Config):
    """`last_day` (2026-07-05) ends the seven days; empty: yesterday."""

    last_day: str = ""


@dg.op
def report_of_a_week(context: dg.OpExecutionContext, config: WeekConfig) -> None:
    """The report of seven days."""
    last_day = date.fromisoformat(config.last_day) if config.last_day else _yesterday(SystemClock().now())
    shown, unsent = _report(context, last_day, week=True)
    context.add_output_metadata(shown)
    _require_sent(unsent, shown)


@dg.job(
    name=WEEKLY,
    executor_def=dg.in_process_executor,
    description="Writes the quality report of the seven days up to yesterday, or to last_day. Its schedule also sends "
    "the summary to alerts.channels; with the tag iot/send: true so does a run of yours.",
)
def weekly_report() -> None:
    report_of_a_week()


def daily_job(asset: dg.AssetsDefinition) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        DAILY,
        selection=[asset],
        executor_def=dg.in_process_executor,
        description="Writes the quality report of a day. Its schedule does so for the day before and sends the summary "
        "to alerts.channels; with the tag iot/send: true so does a run of yours.",
    )


def report_schedules(settings: Settings, daily: UnresolvedAssetJobDefinition) -> list[dg.ScheduleDefinition]:
    """Daily, and weekly on one of the days, at `report.at` (UTC)."""
    hour, minute = settings.report.at.split(":")
    at, tags = f"{int(minute)} {int(hour)} * *", {SEND_TAG: "true"}
    running = dg.DefaultScheduleStatus.RUNNING

    @dg.schedule(
        name="daily_report_schedule", job=daily, cron_schedule=f"{at} *", default_status=running,
        description="The report of the day before, at IOT_REPORT__AT (UTC); sends the summary to alerts.channels.",
    )  # fmt: skip
    def each_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=str(_yesterday(context.scheduled_execution_time)), tags=tags)

    @dg.schedule(
        name="weekly_report_schedule", job=weekly_report,
        cron_schedule=f"{at} {_DAYS[settings.report.weekly_on]}", default_status=running,
        description="The report of the seven days before, on IOT_REPORT__WEEKLY_ON; sends the summary too.",
    )  # fmt: skip
    def each_week(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        last_day = str(_yesterday(context.scheduled_execution_time))
        config = dg.RunConfig(ops={"report_of_a_week": WeekConfig(last_day=last_day)})
        return dg.RunRequest(run_config=config, tags=tags)

    return [each_day, each_week]


def keep_report_current(daily: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor that makes the report of the day under way, and makes it again, so that there is one to read."""

    @dg.sensor(
        name="keep_report_current", job=daily, minimum_interval_seconds=_LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Makes the report of today so far every {CURRENT_MINUTES} minutes, as soon as there are readings. "
        "It sends nothing: the schedules do. Switch it off if the day before is enough.",
    )  # fmt: skip
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings, now = load_settings(), SystemClock().now()
        if read_desired(settings).draining is Draining.ALL:
            return dg.SkipReason("Drained: `iot-platform up` starts everything again.")
        if not read_json(settings.state_dir / "totals.json").get("readings"):
            return dg.SkipReason("There is no reading yet.")
        mine = {CURRENT_REPORT_TAG: "true"}
        newest = next(iter(context.instance.get_run_records(dg.RunsFilter(tags=mine), limit=1)), None)
        if newest is None and context.instance.get_run_records(dg.RunsFilter(tags={CYCLE_TAG: "true"}, statuses=LIVE)):
            return dg.SkipReason("The first readings are on their way to the readers' copy.")
        if newest is not None and newest.dagster_run.status in LIVE:
            return dg.SkipReason("The report is being made.")
        if newest is not None and now - newest.create_timestamp < timedelta(minutes=CURRENT_MINUTES):
            return dg.SkipReason(f"The report is younger than {CURRENT_MINUTES} minutes.")
        return dg.RunRequest(partition_key=str(now.astimezone(UTC).date()), tags=mine)

    return sensor


def _yesterday(now: datetime) -> date:
    return now.astimezone(UTC).date() - timedelta(days=1)


def _report(context: Any, last_day: date, *, week: bool) -> tuple[dict[str, Any], list[str]]:
    """Write it, send it where the run is to; what of it the UI shows, and why channels did not take it."""
    from iot_platform.report.make import make_report, send_report  # noqa: PLC0415 - DuckDB takes a moment of every load
    from iot_platform.report.period import chosen  # noqa: PLC0415

    settings, clock = load_settings(), SystemClock()
    with failing():
        made = make_report(settings, clock, chosen(str(last_day), week=week, now=clock.now()))
    context.log.info(f"{made.verdict.word}: {made.verdict.sentence}")
    shown: dict[str, Any] = {
        "report": dg.MetadataValue.path(str(made.html)),
        "summary": dg.MetadataValue.md(made.summary),
        "findings": len(made.verdict.findings),
        "silent sensors": made.figures.silent_total,
    }
    totals = made.figures.all_streams
    if totals is not None:
        shown |= figures({"score": totals.score, "records": totals.records, "dead share": totals.share_dead})
    unsent: list[str] = []
    if context.run.tags.get(SEND_TAG) == "true":
        outcomes = send_report(settings, made)
        for channel, outcome in outcomes.items():
            if outcome.sent:
                context.log.info(f"{channel} took it.")
            else:
                context.log.error(f"Not sent: {outcome.detail}")
                unsent.append(outcome.detail)
        shown["sent"] = _sentence(outcomes)
    return shown, unsent


def _require_sent(unsent: list[str], shown: dict[str, Any]) -> None:
    """The report is kept, and yet a run that was to send it and did not is red, or nobody would notice."""
    if unsent:
        raise dg.Failure(
            f"The report is kept, but not sent: {' '.join(unsent)} See that the channel answers (`iot-platform alerts "
            "test`), then send it with `iot-platform report --send`.",
            metadata=shown,
            allow_retries=False,
        )


def _sentence(outcomes: Any) -> str:
    if not outcomes:
        return "to nobody: no channel is configured (alerts.channels)"
    return "; ".join(f"{channel}: {'taken' if one.sent else one.detail}" for channel, one in outcomes.items())
