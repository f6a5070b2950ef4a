"""A disk that takes no more bytes costs signs of life and lines of logs, and ends nothing."""

from __future__ import annotations

import json
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from supervisor import loggers

from iot_platform import lifecycle
from iot_platform.clock import ManualClock
from iot_platform.lifecycle import Heartbeat
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.supervisor import Supervisor
from iot_platform.supervision.supervisord import roll_over_if_possible
from tests.support.scripts import script
from tests.support.waiting import eventually

# The supervisor outlives the object that started it, as it should.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

_MOST_BYTES = 20_000


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file of this process, and of those it starts, grows beyond this: a write fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_sign_of_life_that_cannot_be_written_is_told_once_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "beat.json"
    clock = ManualClock(datetime(2026, 7, 1, tzinfo=UTC))
    beat = Heartbeat(path, clock)
    with caplog.at_level(logging.WARNING):
        with files_of_at_most(1):
            for _ in range(3):
                clock.advance(2)
                beat.beat({"valid": 1})
        assert not path.exists()
        told = [record.message.split(":")[0] for record in caplog.records if record.name == lifecycle.__name__]
        assert told == ["no sign of life can be written"]
    clock.advance(2)
    beat.beat({"valid": 2})
    assert json.loads(path.read_text())["valid"] == 2


_CHATTY = """
import sys
n = 0
while True:
    print("x" * 1000)
    n += 1
    open(sys.argv[1], "w").write(str(n))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path / "state")


def test_a_log_that_cannot_be_begun_anew_goes_on_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers.RotatingFileHandler, "doRollover", roll_over_if_possible)
    monkeypatch.setattr(loggers.Handler, "handleError", lambda _: None)  # it would tell each error on standard error
    logger = loggers.getLogger(loggers.LevelsByName.INFO)
    path = tmp_path / "a.log"
    loggers.handle_file(logger, str(path), "%(message)s", rotating=True, maxbytes=12_000, backups=1)
    with files_of_at_most(10_000):
        for _ in range(50):
            logger.info(b"x" * 1_000)
    logger.info(b"the end")
    logger.close()
    assert path.read_bytes().endswith(b"the end")


def test_a_log_that_cannot_be_written_ends_neither_supervisor_nor_program(settings: Settings, tmp_path: Path) -> None:
    """The program logs far more than fits, and counts in a small file of its own how often it could."""
    counted = tmp_path / "count"
    chatty = script(tmp_path / "chatty.py", _CHATTY, str(counted))
    supervisor = Supervisor(settings)
    with files_of_at_most(_MOST_BYTES):
        supervisor.start([chatty])
    try:
        supervisor.start_program("chatty")
        (started,) = supervisor.states()
        eventually(lambda: int(counted.read_text() or "0") > 2_000, what="two megabytes of log")
        (still,) = supervisor.states()
        assert (still.pid, still.state) == (started.pid, "RUNNING")
        assert (settings.log_dir / "chatty.log").stat().st_size == _MOST_BYTES
        assert (settings.log_dir / "supervisord.out").stat().st_size == _MOST_BYTES
    finally:
        supervisor.shut_down(30)
