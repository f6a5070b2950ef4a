"""What the alerts hear of a group: the worse its course the worse the level; a pause is told elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iot_platform.watch.alerts.signals import Level
from iot_platform.watch.lag.judging import judge_group
from iot_platform.watch.lag.rules import Status
from iot_platform.watch.lag.signal import LEVELS, signal_of
from tests.watch.lag.test_judging import CASES

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_every_status_has_a_level_and_none_of_a_worse_status_is_better() -> None:
    levels: list[Level] = [LEVELS[status] for status in Status]
    assert levels == ["info", "info", "warn", "warn", "error", "error", "error"]


@pytest.mark.parametrize("name", CASES)
def test_a_signal_has_the_figure_and_the_sentence_and_a_pause_gives_none(name: str) -> None:
    course, known, status, text = CASES[name]
    group = judge_group(known, {("raw", 0): course}, course.now.at_ms)
    signal = signal_of(group, NOON)
    if status is Status.PAUSED:
        assert signal is None
        return
    assert signal is not None
    assert (signal.kind, signal.subject, signal.value, signal.level) == (
        "lag", "validator-s", group.seconds, LEVELS[status],
    )  # fmt: skip
    assert text in signal.text
