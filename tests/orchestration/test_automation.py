"""Cycles: when one is due, when the sensor waits, and for which hour it asks."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from iot_platform.lifecycle import write_atomically
from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.orchestration.automation import (
    CYCLE,
    PARTITION_FORMAT,
    cycle_job,
    hourly_partitions,
    is_due,
    keep_loading,
    upkeep,
    upkeep_schedule,
)
from iot_platform.quality.hours import floor_hour
from iot_platform.settings import Settings
from iot_platform.supervision.slots import Draining, Role, Slot, change_desired

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINE = {CYCLE_TAG: "true"}
Status = dg.DagsterRunStatus


@pytest.mark.parametrize(
    ("seconds_ago", "interval_seconds", "has_readings", "due"),
    [
        (None, 60, True, True),
        (None, 60, False, True),
        (59.9, 60, True, False),
        (60, 60, True, True),
        (15, 60, True, False),
        (14.9, 60, False, False),
        (15, 60, False, True),
        (10, 10, False, True),
        (9.9, 10, False, False),
        (3599, 3600, True, False),
        (-5, 60, True, False),
    ],
)
def test_when_a_cycle_is_due(seconds_ago: float | None, interval_seconds: float, has_readings: bool, due: bool) -> None:
    last = None if seconds_ago is None else NOON - timedelta(seconds=seconds_ago)
    assert is_due(NOON, last, interval_seconds, has_readings=has_readings) is due


class Loading:
    """The sensor `keep_loading` and the instance that it looks at."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._sensor = keep_loading(cycle_job(), 60.0)
        self.instance = instance

    def ask(self) -> dg.RunRequest | dg.SkipReason:
        context = dg.build_sensor_context(instance=self.instance, sensor_name="keep_loading")
        answer = self._sensor(context)
        assert isinstance(answer, dg.RunRequest | dg.SkipReason)
        return answer

    def add_run(self, status: dg.DagsterRunStatus, seconds_ago: float, tags: dict[str, str] | None = None) -> None:
        """A run that began so many seconds ago; a cycle unless tags say otherwise."""
        run = dg.DagsterRun(job_name=CYCLE, run_id=str(uuid.uuid4()), status=status, tags=tags or MINE)
        at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        self.instance.run_storage.add_historical_run(run, at)


@pytest.fixture
def loading(instance: dg.DagsterInstance) -> Loading:
    return Loading(instance)


def test_the_first_cycle_is_asked_for_at_once_and_of_the_current_hour(here: Settings, loading: Loading) -> None:
    before = floor_hour(datetime.now(UTC))
    answer = loading.ask()
    assert isinstance(answer, dg.RunRequest)
    assert answer.partition_key in {hour.strftime(PARTITION_FORMAT) for hour in (before, floor_hour(datetime.now(UTC)))}
    assert answer.tags == MINE
    assert answer.run_key is None, "a run key is deduplicated for ever"


@pytest.mark.parametrize("status", [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING])
def test_while_a_cycle_lives_none_is_started_however_long_it_takes(
    here: Settings, loading: Loading, status: dg.DagsterRunStatus
) -> None:
    loading.add_run(status, seconds_ago=9_000)
    loading.add_run(Status.SUCCESS, seconds_ago=8_000)
    assert loading.ask() == dg.SkipReason("A cycle is under way.")


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILURE, Status.CANCELED])
def test_after_a_cycle_its_interval_is_waited_for_however_it_ended(
    here: Settings, loading: Loading, status: dg.DagsterRunStatus
) -> None:
    write_atomically(here.state_dir / "totals.json", json.dumps({"readings": 7}))
    loading.add_run(status, seconds_ago=40)
    assert loading.ask() == dg.SkipReason("The last cycle was a moment ago.")


@pytest.mark.parametrize(("readings", "skipped"), [(7, True), (0, False), (None, False)])
def test_a_newcomer_without_a_reading_waits_less(
    here: Settings, loading: Loading, readings: int | None, skipped: bool
) -> None:
    if readings is not None:
        write_atomically(here.state_dir / "totals.json", json.dumps({"readings": readings}))
    loading.add_run(Status.SUCCESS, seconds_ago=20)
    assert isinstance(loading.ask(), dg.SkipReason) is skipped


def test_a_run_of_a_person_is_no_cycle(here: Settings, loading: Loading) -> None:
    loading.add_run(Status.STARTED, seconds_ago=5, tags={"dagster/partition": "2026-01-01-12:00"})
    assert isinstance(loading.ask(), dg.RunRequest)


@pytest.mark.parametrize(
    ("draining", "skipped"), [(Draining.NOTHING, False), (Draining.SOURCES, False), (Draining.ALL, True)]
)
def test_loads_go_on_until_all_is_drained(here: Settings, loading: Loading, draining: Draining, skipped: bool) -> None:
    change_desired(here, lambda desired: replace(desired, draining=draining))
    answer = loading.ask()
    assert isinstance(answer, dg.SkipReason) is skipped
    if isinstance(answer, dg.SkipReason):
        assert "`iot-platform up`" in str(answer.skip_message)


def test_a_stopped_stream_does_not_stop_the_loads(here: Settings, loading: Loading) -> None:
    change_desired(here, lambda desired: desired.hold(Slot(Role.VALIDATOR, "iot_data"), "by hand", NOON))
    assert isinstance(loading.ask(), dg.RunRequest)


@pytest.mark.parametrize("minutes", [0, 1, 59.9])
def test_the_partitions_begin_with_the_first_hour_and_end_with_the_current_one(minutes: float) -> None:
    now = NOON + timedelta(hours=2, minutes=minutes)
    keys = hourly_partitions(NOON).get_partition_keys(current_time=now)
    assert keys == ["2026-01-01-12:00", "2026-01-01-13:00", "2026-01-01-14:00"]


def test_an_installation_of_this_hour_has_its_hour_at_once() -> None:
    assert hourly_partitions(NOON).get_partition_keys(current_time=NOON) == ["2026-01-01-12:00"]


def test_an_hour_that_a_clock_change_repeats_is_one_partition_each_in_utc() -> None:
    autumn = datetime(2026, 10, 25, tzinfo=UTC)
    keys = hourly_partitions(autumn).get_partition_keys(current_time=autumn + timedelta(hours=23))
    assert len(keys) == len(set(keys)) == 24


def test_upkeep_is_an_hourly_job_that_runs_by_itself(here: Settings, kept: dg.DagsterInstance) -> None:
    assert upkeep_schedule.cron_schedule == "17 * * * *"
    assert upkeep_schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    result = upkeep.execute_in_process(instance=kept)
    told = [entry.message for entry in kept.all_logs(result.run_id) if entry.message.startswith("Removed")]
    assert told == ["Removed 0 old runs with their events and logs, 0 old observations and 0 old verdicts of checks."]
