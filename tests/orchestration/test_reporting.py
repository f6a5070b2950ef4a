"""The report under Dagster: a day made again by hand, and what the schedules and the sensor ask for."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from iot_platform.clock import SystemClock
from iot_platform.lifecycle import write_atomically
from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.orchestration.reporting import (
    CURRENT_MINUTES,
    DAILY,
    SEND_TAG,
    daily_job,
    daily_partitions,
    keep_report_current,
    report_asset,
    report_schedules,
    weekly_report,
)
from iot_platform.orchestration.upkeep import CURRENT_REPORT_TAG
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.slots import Draining, change_desired
from iot_platform.warehouse.connection import open_warehouse
from tests.orchestration.here import installed
from tests.quality.rows import load, reading
from tests.report.morning import publish
from tests.support.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def yesterday() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def filled(here: Settings, yesterday: datetime, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("IOT_FLEET__ENABLED", "false")  # a fleet would be missed after its one hour
    with open_warehouse(here) as connection:
        load(connection, [reading(yesterday + timedelta(hours=3), f"s-{n}") for n in range(4)], at=yesterday)
    publish(here, SystemClock().now())
    return here


def test_a_day_is_made_again_and_shows_its_summary_and_where_the_page_is(filled: Settings, yesterday: datetime) -> None:
    asset = report_asset(daily_partitions(yesterday))
    result = dg.materialize([asset], partition_key=str(yesterday.date()))
    (made,) = result.asset_materializations_for_node("quality_report")
    assert made.partition == str(yesterday.date())
    page = made.metadata["report"].value
    assert Path(str(page)) == filled.reports_dir / f"{yesterday.date()}.html"
    assert "The data is good: 4 records of 4 sensors" in str(made.metadata["summary"].value)
    assert (made.metadata["score"].value, made.metadata["records"].value) == (100.0, 4)
    assert "sent" not in made.metadata


def test_a_run_of_the_schedule_sends_the_summary(
    filled: Settings, yesterday: datetime, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOT_ALERTS__CHANNELS", f'["{receiver.url().get_secret_value()}"]')
    asset = report_asset(daily_partitions(yesterday))
    result = dg.materialize([asset], partition_key=str(yesterday.date()), tags={SEND_TAG: "true"})
    (made,) = result.asset_materializations_for_node("quality_report")
    assert made.metadata["sent"].value == "Channel 1 (json): taken"
    (subject,) = receiver.subjects
    assert subject.startswith("[Good] data quality, ")


def test_a_summary_that_no_channel_takes_ends_the_run_red_and_the_report_is_kept_all_the_same(
    filled: Settings, yesterday: datetime, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.does = "refuse"
    monkeypatch.setenv("IOT_ALERTS__CHANNELS", f'["{receiver.url().get_secret_value()}"]')
    asset = report_asset(daily_partitions(yesterday))
    result = dg.materialize([asset], partition_key=str(yesterday.date()), tags={SEND_TAG: "true"}, raise_on_error=False)
    assert not result.success
    assert (filled.reports_dir / f"{yesterday.date()}.html").exists()
    (made,) = result.asset_materializations_for_node("quality_report")
    assert "did not take the message" in str(made.metadata["sent"].value)
    (failed,) = result.get_step_failure_events()
    assert "The report is kept, but not sent: " in str(failed.step_failure_data.error)


def test_a_week_is_made_by_a_job_and_without_a_channel_it_says_so(filled: Settings, yesterday: datetime) -> None:
    result = weekly_report.execute_in_process(tags={SEND_TAG: "true"})
    assert result.success
    assert (filled.reports_dir / f"week-{yesterday.date()}.html").exists()


def test_a_failure_tells_the_next_step(here: Settings, yesterday: datetime) -> None:
    with pytest.raises(dg.Failure, match="There is no reader's copy"):
        dg.materialize([report_asset(daily_partitions(yesterday))], partition_key=str(yesterday.date()))


def test_the_schedules_ask_for_the_days_that_are_over_at_the_time_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = installed(monkeypatch, tmp_path, IOT_REPORT__AT="05:30", IOT_REPORT__WEEKLY_ON="sun")
    asset = report_asset(daily_partitions(datetime(2026, 7, 1, 13, tzinfo=UTC)))
    job = daily_job(asset)
    daily, weekly = report_schedules(settings, job)
    assert (daily.cron_schedule, weekly.cron_schedule) == ("30 5 * * *", "30 5 * * 0")
    at = datetime(2026, 7, 5, 5, 30, tzinfo=UTC)
    repository = dg.Definitions(assets=[asset], jobs=[job], schedules=[daily]).get_repository_def()
    context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)
    (asked,) = daily.evaluate_tick(context).run_requests or []
    assert (asked.partition_key, asked.tags[SEND_TAG]) == ("2026-07-04", "true")
    (asked,) = weekly.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=at)).run_requests or []
    assert asked.run_config["ops"]["report_of_a_week"]["config"] == {"last_day": "2026-07-04"}
    assert asked.tags[SEND_TAG] == "true"


class Keeping:
    """The sensor `keep_report_current` and the instance that it looks at."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        asset = report_asset(daily_partitions(datetime(2026, 7, 1, tzinfo=UTC)))
        self._sensor = keep_report_current(daily_job(asset))
        self._instance = instance

    def ask(self) -> dg.RunRequest | str:
        """What it asks for, or why it does nothing."""
        answer = self._sensor(dg.build_sensor_context(instance=self._instance))
        assert isinstance(answer, dg.RunRequest | dg.SkipReason)
        return answer if isinstance(answer, dg.RunRequest) else str(answer.skip_message)

    def add_run(self, tag: str, status: dg.DagsterRunStatus, minutes_ago: float) -> None:
        run = dg.DagsterRun(job_name=DAILY, run_id=str(uuid.uuid4()), status=status, tags={tag: "true"})
        self._instance.run_storage.add_historical_run(run, datetime.now(UTC) - timedelta(minutes=minutes_ago))


@pytest.fixture
def keeping(instance: dg.DagsterInstance, here: Settings) -> Keeping:
    write_atomically(here.state_dir / "totals.json", json.dumps({"readings": 7}))
    return Keeping(instance)


def test_the_report_of_today_is_made_as_soon_as_there_are_readings_for_the_readers(
    here: Settings, keeping: Keeping
) -> None:
    days = {str(datetime.now(UTC).date())}
    write_atomically(here.state_dir / "totals.json", json.dumps({"readings": 0}))
    assert keeping.ask() == "There is no reading yet."
    write_atomically(here.state_dir / "totals.json", json.dumps({"readings": 7}))
    asked = keeping.ask()
    assert isinstance(asked, dg.RunRequest)
    assert asked.partition_key in days | {str(datetime.now(UTC).date())}
    assert asked.tags == {CURRENT_REPORT_TAG: "true"}, "it must send nothing"
    keeping.add_run(CYCLE_TAG, dg.DagsterRunStatus.STARTED, 0.1)
    assert keeping.ask() == "The first readings are on their way to the readers' copy."


@pytest.mark.parametrize(
    ("status", "minutes_ago", "reason"),
    [
        (dg.DagsterRunStatus.STARTED, 40, "The report is being made."),
        (dg.DagsterRunStatus.SUCCESS, CURRENT_MINUTES - 1, f"The report is younger than {CURRENT_MINUTES} minutes."),
        (dg.DagsterRunStatus.FAILURE, CURRENT_MINUTES - 1, f"The report is younger than {CURRENT_MINUTES} minutes."),
        (dg.DagsterRunStatus.SUCCESS, CURRENT_MINUTES + 1, None),
    ],
)
def test_the_report_of_today_is_made_again_when_it_is_old(
    keeping: Keeping, status: dg.DagsterRunStatus, minutes_ago: float, reason: str | None
) -> None:
    keeping.add_run(CYCLE_TAG, dg.DagsterRunStatus.STARTED, 0.1)
    keeping.add_run(CURRENT_REPORT_TAG, status, minutes_ago)
    asked = keeping.ask()
    assert (asked if isinstance(asked, str) else None) == reason


def test_when_all_is_drained_no_report_is_made(here: Settings, keeping: Keeping) -> None:
    change_desired(here, lambda desired: replace(desired, draining=Draining.ALL))
    assert keeping.ask() == "Drained: `iot-platform up` starts everything again."


def test_the_days_begin_with_the_installations_first_and_end_with_today() -> None:
    first = datetime(2026, 7, 1, 13, tzinfo=UTC)
    keys = daily_partitions(first).get_partition_keys(current_time=first + timedelta(days=2))
    assert keys == ["2026-07-01", "2026-07-02", "2026-07-03"]


@pytest.mark.parametrize("value", ["24:00", "6:00", "06:60", "noon"])
def test_a_time_of_day_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOT_REPORT__AT", value)
    with pytest.raises(Exception, match="IOT_REPORT__AT"):
        load_settings()
