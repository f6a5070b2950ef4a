"""What processes use, from one sign of life to the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iot_platform.pipeline.processes import samples_of
from iot_platform.settings import load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.process_samples import add_samples, last_samples
from iot_platform.warehouse.snapshots import LagRow, add_lag_snapshot

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def beat(cpu_seconds: float, writes: int | None = 0, written: float | None = 0.0, **more: Any) -> dict[str, Any]:
    told = {} if writes is None else {"writes": writes, "write_seconds": written}
    return {"pid": 7, "cpu_seconds": cpu_seconds, "memory_bytes": 100, "age_seconds": 1.0, **told, **more}


def shares(first: dict[str, Any], second: dict[str, Any], gap: timedelta = MINUTE) -> tuple[float | None, float | None]:
    (before,) = samples_of({"v": first}, {}, NOON)
    assert (before.cpu_share, before.write_seconds) == (None, None)
    (after,) = samples_of({"v": second}, {"v": before}, NOON + gap)
    return after.cpu_share, after.write_seconds


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (beat(10, 5, 1.0), beat(40, 15, 3.5), (0.5, 0.25)),
        (beat(10, 5, 1.0), beat(10, 5, 1.0), (0.0, None)),  # idle: no write to take an average of
        (beat(10, None), beat(40, None), (0.5, None)),  # one that does not tell of its writes
        (beat(10, 5, 1.0), beat(1, 2, 0.5, pid=8), (None, None)),  # another process by the same name
        (beat(10, 5, 1.0), beat(9, 2, 0.5), (0.0, None)),  # its number was given again
    ],
)
def test_shares_and_times_are_of_the_time_since_the_sample_before(
    first: dict[str, Any], second: dict[str, Any], expected: tuple[float | None, float | None]
) -> None:
    assert shares(first, second) == expected


def test_who_gives_no_sign_of_life_any_more_is_not_sampled() -> None:
    beats = {"gone": beat(1, age_seconds=61.0), "old": {"pid": 1, "age_seconds": 1.0}, "there": beat(1)}
    assert [sample.process for sample in samples_of(beats, {}, NOON)] == ["there"]


def test_samples_are_kept_and_after_two_days_the_busiest_of_each_hour(tmp_path: Path) -> None:
    with open_warehouse(load_settings(state_dir=tmp_path)) as connection:
        for number in range(3):
            at = NOON + number * 20 * MINUTE
            add_samples(
                connection, samples_of({"v": beat(number * 600.0, number, number)}, last_samples(connection), at)
            )
        assert last_samples(connection)["v"].cpu_share == pytest.approx(0.5)
        row = LagRow("g", "t", 0, 1, 1, 1, 0, 0.0)
        add_lag_snapshot(connection, NOON + timedelta(hours=50), [row])
        kept = connection.execute("SELECT taken_at, cpu_share FROM process_samples").fetchall()
    assert kept == [(NOON + 40 * MINUTE, pytest.approx(0.5))]
