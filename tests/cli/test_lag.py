"""`lag` on a narrow screen, and which groups it shows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iot_platform.cli.lag import _shown, lag_table
from iot_platform.errors import UsageError
from iot_platform.pipeline.lag import LagReport
from iot_platform.watch.lag.judging import Circumstances, judge_group
from iot_platform.watch.lag.rows import group_document
from iot_platform.watch.lag.verdict import GroupLag
from tests.cli.test_tables import NAME, printed
from tests.watch.lag.courses import EVERY_MS, run

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOPIC = f"raw_{NAME}"


def group(name: str) -> GroupLag:
    courses = {
        (TOPIC, 0): run([3_000_000 + 300 * n for n in range(10)], [500 * n for n in range(10)]),
        (TOPIC, 1): run([1_200 + 300 * n for n in range(10)], [1_000] * 10),
    }
    return judge_group(Circumstances(name, "STABLE"), courses, 9 * EVERY_MS)


REPORT = LagReport(NOON, {f"validator-{NAME}": NAME}, (group(f"validator-{NAME}"), group("billing")), (), ())


def test_names_figures_and_status_are_whole_at_80_columns() -> None:
    shown = printed(lag_table(REPORT.groups[0]))
    assert shown.count(f" {TOPIC} ") == 2
    assert f"validator-{NAME} (stalled)" in " ".join(shown.split())
    assert "…" not in shown
    assert shown.count(" stalled ") == 1
    assert shown.count(" ok ") == 1


@pytest.mark.parametrize(
    ("pattern", "everyone", "expected"),
    [
        (None, False, [f"validator-{NAME}"]),
        (None, True, [f"validator-{NAME}", "billing"]),
        ("bill*", False, ["billing"]),
        ("billing", False, ["billing"]),
    ],
)
def test_ours_are_shown_all_or_those_that_are_named(pattern: str | None, everyone: bool, expected: list[str]) -> None:
    assert [one.group for one in _shown(REPORT, pattern, everyone=everyone)] == expected


def test_a_name_that_no_group_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"no consumer group 'nobody'.*There are: .*billing\. The setting lag\.groups"):
        _shown(REPORT, "nobody", everyone=False)


def test_a_group_as_json_has_null_for_what_is_not_known() -> None:
    document = group_document(REPORT.groups[1], own=False)
    first, second = document["partitions"]
    assert (document["own"], document["status"], document["state"]) == (False, "stalled", "STABLE")
    assert document["catch_up_seconds"] is None
    assert first["catch_up_seconds"] == pytest.approx(2_998_200 / (500 / 30 - 10), abs=0.01)
    assert (second["outflow"], second["seconds_from"], second["findings"]) == (0.0, "at_least", [])
    assert second["retention_left_seconds"] is None  # kept for ever, as far as is known
