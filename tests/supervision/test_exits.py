"""A process that ends again and again is told, however long each of its lives is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iot_platform.clock import SystemClock
from iot_platform.settings import KafkaSettings, load_settings
from iot_platform.supervision.exits import frequent_exits
from iot_platform.supervision.status import read_status
from iot_platform.supervision.supervisor import Supervisor
from tests.support.scripts import script
from tests.support.waiting import eventually

# The supervisor outlives the object that started it, as it should.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def line(seconds_ago: int, text: str) -> str:
    at = (NOW - timedelta(seconds=seconds_ago)).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S},123 WARN {text}"


ENDED = "exited: loader (exit status 1; not expected)"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], {}),
        ([line(9, ENDED), line(6, ENDED)], {}),
        ([line(9, ENDED), line(6, ENDED), line(3, ENDED)], {"loader": 3}),
        ([line(9, ENDED), line(6, "exited: broker (terminated by SIGKILL; not expected)"), line(3, ENDED)], {}),
        ([line(900, ENDED), line(600, ENDED), line(3, ENDED)], {}),
        ([line(9, "stopped: loader (exit status 0)")] * 5, {}),
        ([*[line(9, ENDED)] * 5, line(3, "supervisord started with pid 7")], {}),
        (["cut off", *[line(9, ENDED)] * 4, "2026-07-01 no time"], {"loader": 4}),
    ],
)
def test_three_ends_in_five_minutes_are_told_unless_they_were_asked_for_or_are_over(
    lines: list[str], told: dict[str, int]
) -> None:
    assert frequent_exits(lines, NOW) == told


def test_a_process_that_fails_two_seconds_after_each_start_is_an_alert(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path / "state", kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    supervisor = Supervisor(settings)
    supervisor.start(
        [script(tmp_path / "loader.py", "import threading\nthreading.Event().wait(1.5)\nraise SystemExit(1)")]
    )
    try:
        supervisor.start_program("loader")

        def alerts() -> list[str]:
            return [alert["text"] for alert in read_status(settings, SystemClock())["alerts"]]

        eventually(lambda: any("loader ended 3 times in the last five minutes" in text for text in alerts()), what="it")
    finally:
        supervisor.shut_down(30)
