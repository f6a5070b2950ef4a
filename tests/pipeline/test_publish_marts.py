"""Marts in the reader's copy: as they are in the warehouse, and no week written again that did not change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iot_platform import faultpoints
from iot_platform.clock import ManualClock
from iot_platform.faultpoints import InjectedFaultError
from iot_platform.pipeline.manifest import read_manifest
from iot_platform.pipeline.publish import Publisher
from iot_platform.pipeline.query import run_query
from iot_platform.quality.marts import build, catalogues_of
from iot_platform.quality.tables import MARTS
from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.mart_parts import PARTED
from iot_platform.warehouse.retention import remove_before
from tests.quality.rows import dead, load, reading, repeats

MONDAY = datetime(2026, 6, 29, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY + 10 * WEEK)


@pytest.fixture
def publisher(chosen: Settings, clock: ManualClock) -> Publisher:
    return Publisher(chosen, clock)


def load_and_build(chosen: Settings, clock: ManualClock, *moments: datetime) -> None:
    with open_warehouse(chosen) as connection:
        clock.advance(60)
        for moment in moments:
            rows = [reading(moment, location=None, firmware="2")], [dead(moment)], [repeats(moment, {"sensor-1": 1})]
            load(connection, *rows, at=clock.now())
        for mart in MARTS.values():
            build(connection, mart, now=clock.now(), catalogues=catalogues_of(chosen))


def copied(chosen: Settings, mart: str) -> list[tuple[Any, ...]]:
    return run_query(chosen, f"FROM {mart} ORDER BY ALL", 10_000).rows


def there(chosen: Settings, mart: str) -> list[tuple[Any, ...]]:
    with open_warehouse(chosen, read_only=True) as connection:
        return connection.execute(f"FROM {mart} ORDER BY ALL").fetchall()


def weeks_written(chosen: Settings, mart: str) -> list[str]:
    return sorted(path.parent.name for path in (chosen.published_dir / mart).glob("*/*.parquet"))


def test_every_mart_is_in_the_copy_from_the_first_on(chosen: Settings, publisher: Publisher) -> None:
    publisher.publish()
    assert all(copied(chosen, mart) == [] for mart in MARTS)


def test_the_copy_has_each_mart_as_the_warehouse_has_it(
    chosen: Settings, clock: ManualClock, publisher: Publisher
) -> None:
    for _ in range(3):
        load_and_build(chosen, clock, MONDAY, MONDAY + WEEK - timedelta(milliseconds=1), MONDAY + WEEK)
        publisher.publish()
        for mart in MARTS:
            assert copied(chosen, mart) == there(chosen, mart), mart
    assert copied(chosen, "sensor_quality")


# Sound readings have no finding, so that mart would have no row here.
@pytest.mark.parametrize("mart", [mart for mart in PARTED if mart != "sensor_findings"])
def test_only_weeks_that_changed_are_written_again(
    chosen: Settings, clock: ManualClock, publisher: Publisher, mart: str
) -> None:
    load_and_build(chosen, clock, MONDAY, MONDAY + WEEK, MONDAY + 2 * WEEK)
    publisher.publish()
    weeks = ["2026-06-29", "2026-07-06", "2026-07-13"]
    assert weeks_written(chosen, mart) == weeks
    load_and_build(chosen, clock, MONDAY + WEEK)
    publisher.publish()
    assert weeks_written(chosen, mart) == sorted([*weeks, "2026-07-06"])
    clock.advance(3600)  # the grace time is over
    load_and_build(chosen, clock)
    publisher.publish(always=True)
    assert weeks_written(chosen, mart) == weeks


@pytest.mark.parametrize("point", ["publish.after_segments", "publish.after_catalogue"])
def test_a_crash_between_loses_no_week_and_leaves_no_file(chosen: Settings, clock: ManualClock, point: str) -> None:
    publisher = Publisher(chosen, clock)
    load_and_build(chosen, clock, MONDAY)
    publisher.publish()
    load_and_build(chosen, clock, MONDAY, MONDAY + WEEK)
    faultpoints.arm(f"{point}:raise")
    with pytest.raises(InjectedFaultError):
        publisher.publish()
    faultpoints.arm("")
    for _ in range(2):
        publisher = Publisher(chosen, clock)
        publisher.publish()
        assert all(copied(chosen, mart) == there(chosen, mart) for mart in MARTS)
        manifest = read_manifest(chosen.published_dir / "manifest.json")
        assert {segment.path for segment in manifest.segments}.isdisjoint(manifest.removals)
        clock.advance(3600)
    Publisher(chosen, clock).publish(always=True)
    assert all(copied(chosen, mart) == there(chosen, mart) for mart in MARTS)
    assert weeks_written(chosen, "sensor_quality") == ["2026-06-29", "2026-07-06"]


def test_what_retention_removes_is_gone_from_the_copy_and_the_rest_of_its_week_is_not(
    chosen: Settings, clock: ManualClock, publisher: Publisher
) -> None:
    load_and_build(chosen, clock, MONDAY, MONDAY + WEEK, MONDAY + WEEK + timedelta(days=3))
    publisher.publish()
    day = date(2026, 7, 8)
    with open_warehouse(chosen) as connection:
        remove_before(connection, day)
    publisher.remove_before(day)
    assert MONDAY + WEEK + timedelta(days=3) in [row[1] for row in copied(chosen, "duplicate_rates")]
    publisher.publish(always=True)
    hours = [row[1] for row in copied(chosen, "duplicate_rates")]
    assert hours == [MONDAY + WEEK + timedelta(days=3)] * 2
    assert copied(chosen, "duplicate_rates") == there(chosen, "duplicate_rates")


def test_a_table_of_the_copy_has_the_columns_and_types_of_the_warehouse(
    chosen: Settings, clock: ManualClock, publisher: Publisher
) -> None:
    load_and_build(chosen, clock, MONDAY)
    publisher.publish()
    for mart in MARTS:
        described = run_query(chosen, f"DESCRIBE {mart}", 100).rows
        with open_warehouse(chosen, read_only=True) as connection:
            expected = connection.execute(f"DESCRIBE {mart}").fetchall()
        assert [row[:2] for row in described] == [row[:2] for row in expected]


def test_each_hourly_and_daily_mart_is_published_by_its_weeks() -> None:
    assert {mart.name for mart in MARTS.values() if mart.hourly or mart.daily} == set(PARTED)
