"""Upkeep removes what its docstring says and nothing else, and a month of operation ends no larger than half of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.orchestration.automation import PARTITION_FORMAT
from iot_platform.orchestration.upkeep import CURRENT_REPORT_TAG, Kept, Removed, remove_old
from iot_platform.settings import load_settings
from tests.orchestration.history import Past

Status = dg.DagsterRunStatus
NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
KEPT = Kept(runs=timedelta(days=14))


@pytest.fixture
def past(kept: dg.DagsterInstance) -> Past:
    return Past(kept)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def cycle(past: Past, at: datetime, status: dg.DagsterRunStatus = Status.SUCCESS) -> str:
    """A run of the sensor `keep_loading`."""
    return past.run(at, status, {CYCLE_TAG: "true", "dagster/partition": at.strftime(PARTITION_FORMAT)[:-2] + "00"})


def clean(past: Past, now: datetime = NOW) -> Removed:
    return remove_old(past.instance, now, KEPT)


def test_the_settings_say_how_long_runs_are_kept() -> None:
    assert Kept.of(load_settings(dagster={"retention_days": 3})) == Kept(runs=timedelta(days=3))


def test_ended_runs_are_kept_for_their_days_and_what_still_runs_for_ever(past: Past) -> None:
    young = {past.run(ago(days=13.9), status) for status in (Status.SUCCESS, Status.FAILURE, Status.CANCELED)}
    alive = {past.run(ago(days=100), status) for status in (Status.STARTED, Status.CANCELING)}
    old = {past.run(ago(days=14.1), status) for status in (Status.SUCCESS, Status.FAILURE, Status.CANCELED)}
    assert clean(past).runs == len(old)
    assert past.run_ids == young | alive


def test_of_cycles_that_succeeded_one_an_hour_is_kept_after_a_day(past: Past) -> None:
    hour = ago(days=2)
    removed = [cycle(past, hour + timedelta(minutes=minutes)) for minutes in (1, 2)]
    last_of_hour = cycle(past, hour + timedelta(minutes=3))
    only_of_hour = cycle(past, hour + timedelta(hours=3))
    failed = cycle(past, hour, Status.FAILURE)
    of_today = [cycle(past, ago(hours=23, minutes=minutes)) for minutes in (2, 1)]
    ancient = cycle(past, ago(days=14, hours=1))
    assert clean(past).runs == len([*removed, ancient])
    assert past.run_ids == {last_of_hour, only_of_hour, failed, *of_today}


def test_of_reports_of_a_day_under_way_one_a_day_is_kept_after_a_day(past: Past) -> None:
    tags = {CURRENT_REPORT_TAG: "true", "dagster/partition": "2026-01-29"}
    past.run(ago(days=2, hours=1), Status.SUCCESS, tags)
    last_of_day = past.run(ago(days=2), Status.SUCCESS, tags)
    of_an_hour = cycle(past, ago(days=2))
    assert clean(past).runs == 1
    assert past.run_ids == {last_of_day, of_an_hour}


def test_nothing_of_a_removed_run_is_left_behind(past: Past) -> None:
    past.observe(ago(days=1))
    stays = past.run(ago(days=1), Status.SUCCESS, {"iot/slot": "a"})
    before = past.rows()
    gone = past.run(ago(days=20), Status.SUCCESS, {"iot/slot": "b"})
    assert clean(past) == Removed(runs=1, events=0, verdicts=0)
    # The newest verdict of the check came from the run that is gone: it stays, and with it no more than its row.
    after = past.rows()
    assert after - before == {"index.db: asset_check_executions": 1}
    assert not before - after
    assert [path.name for path in past.shards.iterdir() if gone in path.name] == []
    assert (past.shards / f"{stays}.db").exists()
    assert past.instance.all_logs(stays)


def test_what_the_ops_of_a_removed_run_printed_goes_with_it(past: Past) -> None:
    @dg.job
    def talking() -> None:
        _talk()

    runs = [talking.execute_in_process(instance=past.instance) for _ in range(2)]
    old, young = (past.root / "storage" / run.run_id for run in runs)
    assert list(old.rglob("*.out"))
    past.settle(ago(days=20))
    past.move_run(runs[1].run_id, ago(days=1))
    assert clean(past).runs == 1
    assert not old.exists()
    assert list(young.rglob("*.out"))


@dg.op(name="talk")
def _talk() -> None:
    print("a word")


def test_observations_of_no_run_are_kept_for_three_days(past: Past) -> None:
    for days in (10, 3.1, 2.9, 0):
        past.observe(ago(days=days))
    assert past.rows()[".db: event_logs"] == 4
    assert clean(past).events == 2
    assert past.rows()["index.db: event_logs"] == 2
    assert past.rows()[".db: event_logs"] == 2, "SQLite has them twice"
    assert len(past.instance.fetch_observations(dg.AssetKey("topic"), limit=9).records) == 2


def test_the_newest_verdict_of_each_check_stays_however_old_it_is(past: Past) -> None:
    for check, days in {"lag": (20, 10, 9), "freshness": (4, 2, 1)}.items():
        for age in days:
            past.judge(ago(days=age), check)
    assert clean(past).verdicts == 3
    assert past.rows()["index.db: asset_check_executions"] == 3
    keys = [dg.AssetCheckKey(dg.AssetKey("mart"), check) for check in ("lag", "freshness")]
    latest = past.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert set(latest) == set(keys)


def test_a_verdict_outlives_the_run_that_gave_it(past: Past) -> None:
    past.run(ago(days=20), Status.SUCCESS)
    clean(past)
    key = dg.AssetCheckKey(dg.AssetKey("mart"), "lag")
    record = past.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event is not None
    assert record.event.dagster_event is not None
    assert record.event.dagster_event.asset_check_evaluation_data.description == "lag is bad: 7 s."


def test_a_second_upkeep_finds_nothing_to_do(past: Past) -> None:
    for days in (20, 15, 2, 2, 1):
        cycle(past, ago(days=days))
        past.observe(ago(days=days))
        past.judge(ago(days=days), "lag")
    first = clean(past)
    assert first == Removed(runs=3, events=4, verdicts=4)
    rows = past.rows()
    assert clean(past) == Removed(0, 0, 0)
    assert past.rows() == rows


def test_what_was_removed_is_told_in_a_sentence() -> None:
    assert Removed(1_440, 2_880, 7).sentence == (
        "Removed 1,440 old runs with their events and logs, 2,880 old observations and 7 old verdicts of checks."
    )


CYCLES_A_DAY = 2
"""Of 1,440, both in one hour, so that thinning has something to do."""
OBSERVATIONS_A_DAY = 8
"""Of some 20,000: ten an evaluation of the sensor `watch`."""
BYTES_A_RUN = 130_000
"""The file in which SQLite has a run's events, here few: mostly empty tables and their indexes."""
SHARED_BYTES = 1_000_000
"""The files of all runs, of the index and of what no run told."""


def test_a_month_of_operation_is_no_larger_than_half_of_it(past: Past) -> None:
    """In small: the last day's cycles stay, and of 13 days before one an hour. Operation keeps 1,440 + 13 x 24 so."""
    rows, sizes = [], []
    for day in range(30):
        midnight = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        for nth in range(CYCLES_A_DAY):
            cycle(past, midnight + timedelta(hours=8, minutes=nth))
        for _ in range(OBSERVATIONS_A_DAY):
            past.instance.report_runless_asset_event(dg.AssetObservation("topic", metadata={"behind": day}))
        past.settle(midnight + timedelta(hours=9))
        clean(past, midnight + timedelta(hours=23))
        rows.append(past.rows())
        sizes.append(past.bytes())
    runs = CYCLES_A_DAY + 13
    assert rows[29]["runs.db: runs"] == runs
    assert rows[29] == rows[15], "no table of any kind grows"
    assert len(list(past.shards.glob("*-*.db"))) == runs
    assert sizes[29] <= sizes[15] * 1.05
    assert sizes[29] <= SHARED_BYTES + runs * BYTES_A_RUN
