"""Lag and audits kept as rows: every snapshot for two days, then the worst of each hour; nothing for ever."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.retention import remove_before
from iot_platform.warehouse.scripts import migrations
from iot_platform.warehouse.snapshots import LagRow, add_lag_snapshot, add_ledger_audit

START = datetime(2026, 1, 1, tzinfo=UTC)
AUDIT = {
    "stream": "s", "raw": 1, "valid": 1, "repaired": 0, "dead": 0, "duplicates": 0, "in_flight": 0,
    "loaded": {"valid": 1, "dead": 0}, "unaccounted": 0, "findings": [],
}  # fmt: skip


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path)


def row(partition: int, seconds: float) -> LagRow:
    return LagRow("loader-s", "validated_s", partition, None, 10, 11, 10, seconds)


def test_old_snapshots_are_thinned_to_the_worst_of_each_hour_and_partition(chosen: Settings) -> None:
    moments = [START + timedelta(minutes=20 * number) for number in range(3 * 60)]
    with open_warehouse(chosen) as connection:
        for number, moment in enumerate(moments):
            add_lag_snapshot(connection, moment, [row(0, number % 3), row(1, 0)])
        kept = connection.execute(
            "SELECT taken_at, seconds FROM lag_snapshots WHERE partition = 0 ORDER BY taken_at"
        ).fetchall()
    thinned_before = datetime(2026, 1, 1, 11, tzinfo=UTC)  # two days before the hour of the last snapshot
    old = [(moment, seconds) for moment, seconds in kept if moment < thinned_before]
    assert [moment.hour for moment, _ in old] == list(range(11))
    assert all(seconds == 2 for _, seconds in old)
    assert [moment for moment, _ in kept if moment >= thinned_before] == [m for m in moments if m >= thinned_before]


def test_a_snapshot_holds_what_was_measured(chosen: Settings) -> None:
    judged = LagRow("g", "t", 0, 1, 2, 3, 1, 4.0, False, "stalled", 1.0, 0.5, 9.0, 80.0, "It stands still.")
    with open_warehouse(chosen) as connection:
        add_lag_snapshot(connection, START + timedelta(hours=1), [judged])
        assert connection.execute("FROM lag_snapshots").fetchall() == [(START + timedelta(hours=1), *astuple(judged))]
        connection.execute("DELETE FROM lag_snapshots")
        add_lag_snapshot(connection, START, [row(2, 1.5)])
        add_lag_snapshot(connection, START, [])
        (found,) = connection.execute("FROM lag_snapshots").fetchall()
    assert found[:10] == (START, "loader-s", "validated_s", 2, None, 10, 11, 10, 1.5, True)
    assert found[10:] == (None,) * 6  # its course was not judged


def test_old_audits_are_thinned_to_one_of_each_hour_and_none_that_missed_something_goes_for_one_that_did_not(
    chosen: Settings,
) -> None:
    moments = [START + timedelta(minutes=20 * number) for number in (*range(12), 3 * 51)]
    with open_warehouse(chosen) as connection:
        for moment in moments:
            missed = moment == START + timedelta(minutes=20)
            add_ledger_audit(connection, moment, {**AUDIT, "unaccounted": int(missed)})
            add_ledger_audit(connection, moment, {**AUDIT, "stream": "other"})
        rows = connection.execute(
            "SELECT taken_at, unaccounted FROM ledger_audit WHERE stream = 's' ORDER BY taken_at"
        ).fetchall()
        others = connection.execute("SELECT count(*) FROM ledger_audit WHERE stream = 'other'").fetchall()
    thinned_before = START + timedelta(hours=3)  # two days before the hour of the last audit
    assert rows[:3] == [
        (START + timedelta(minutes=20), 1),
        (START + timedelta(minutes=100), 0),
        (START + timedelta(minutes=160), 0),
    ]
    assert [moment for moment, _ in rows[3:]] == [moment for moment in moments if moment >= thinned_before]
    assert others == [(len(rows),)]


def test_retention_removes_what_marts_tell_of_days_gone(chosen: Settings) -> None:
    with open_warehouse(chosen) as connection:
        for day in (1, 2, 3):
            moment = datetime(2026, 1, day, 23, 59, tzinfo=UTC)
            add_lag_snapshot(connection, moment, [row(0, 0)])
            add_ledger_audit(connection, moment, AUDIT)
            hour = moment.replace(minute=0)
            connection.execute("INSERT INTO null_rates VALUES ('s', ?, 'unit', '(all)', '(all)', 1, 0, 0)", [hour])
            connection.execute("INSERT INTO duplicate_rates VALUES ('s', ?, '(all)', 0, 1, 0)", [hour])
        remove_before(connection, date(2026, 1, 3))
        for table in ("lag_snapshots", "ledger_audit", "null_rates", "duplicate_rates"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(1,)], table


def test_snapshots_of_before_their_course_was_judged_are_kept() -> None:
    with duckdb.connect(":memory:") as connection:
        scripts = {path.name: path.read_text(encoding="utf-8") for path in migrations()}
        for name in (each for each in scripts if each < "0012"):
            connection.execute(scripts[name])
        connection.execute("INSERT INTO lag_snapshots VALUES (?, 'g', 't', 0, NULL, 5, 6, 5, 2.5)", [START])
        connection.execute(
            next(each for each in migrations() if each.name.startswith("0012")).read_text(encoding="utf-8")
        )
        kept = connection.execute("FROM lag_snapshots").fetchall()
    assert kept == [(START, "g", "t", 0, None, 5, 6, 5, 2.5, True, None, None, None, None, None, None)]
