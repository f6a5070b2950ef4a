"""A report of the lag watch as rows of the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from iot_platform.pipeline.lag import LagReport
from iot_platform.pipeline.snapshots import lag_rows
from iot_platform.settings import load_settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.snapshots import add_lag_snapshot
from iot_platform.watch.lag.judging import Circumstances, judge_group
from tests.watch.lag.courses import EVERY_MS, run

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_every_group_and_partition_is_a_row_with_its_status_rates_and_words(tmp_path: Path) -> None:
    still = run([1_200 + 300 * n for n in range(10)], [1_000] * 10)
    once = run([9], [None], active=False)
    groups = (
        judge_group(Circumstances("loader-s", "EMPTY", kept_seconds={"t": 3_600.0}), {("t", 1): once}, 0),
        judge_group(Circumstances("billing", "STABLE"), {("t", 0): still}, 9 * EVERY_MS),
    )
    report = LagReport(NOON, {"loader-s": "s"}, groups, (), ())
    with open_warehouse(load_settings(state_dir=tmp_path)) as connection:
        add_lag_snapshot(connection, NOON, lag_rows(report))
        kept = connection.execute(
            "SELECT consumer_group, own, partition, committed, messages, seconds, status, inflow, outflow, "
            "retention_left_seconds FROM lag_snapshots ORDER BY own"
        ).fetchall()
        (text,) = connection.execute("SELECT text FROM lag_snapshots WHERE NOT own").fetchall()
    assert kept == [
        ("billing", False, 0, 1_000, 2_900, 270.0, "stalled", 10.0, 0.0, None),
        ("loader-s", True, 1, None, 9, 0.0, "ok", None, None, 3_600.0),
    ]
    assert text[0].startswith("Stalled: it stands at offset 1,000 for 4 min, while 2,900 offsets wait")
