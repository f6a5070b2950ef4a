"""What a stream's run tells in its log: sentences for facts, once an interval, and the last part at the end."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iot_platform.clock import ManualClock
from iot_platform.orchestration.streams.summaries import TellingHeartbeat, summary
from iot_platform.supervision.slots import Role

PRODUCER, VALIDATOR = Role.PRODUCER, Role.VALIDATOR
SENDING = {"phase": "sending"}


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            {"born": 1_000, "acknowledged": 1_000},
            {**SENDING, "born": 31_000, "acknowledged": 30_990, "spooled": 10},
            "30,000 readings born in 30 s (1,000/s), 29,990 acknowledged by Kafka, 10 in the spool.",
        ),
        (
            {"born": 5, "acknowledged": 5, "refused": 1},
            {**SENDING, "born": 8, "acknowledged": 5, "refused": 4, "spooled": 0},
            "3 readings born in 30 s (0/s), 0 acknowledged by Kafka, 0 in the spool, 3 refused.",
        ),
        (
            {},
            {"phase": "waiting", "born": 300, "spooled": 1_300, "kafka_error": "timed out"},
            (
                "300 readings born in 30 s (10/s), 0 acknowledged by Kafka, 1,300 in the spool; Kafka is not reached "
                "(timed out), readings wait in the spool."
            ),
        ),
        (
            {},
            {"phase": "waiting", "kafka_error": None},
            (
                "0 readings born in 30 s (0/s), 0 acknowledged by Kafka, 0 in the spool; Kafka is not reached "
                "(no answer), readings wait in the spool."
            ),
        ),
    ],
)
def test_a_producer_tells_what_was_born_and_where_it_is(
    before: dict[str, Any], after: dict[str, Any], sentence: str
) -> None:
    assert summary(PRODUCER, before, after, 30) == sentence


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            {"valid": 100, "dead": 10, "duplicates": 1, "by_reason": {"too_old": 10}},
            {
                "valid": 29_100, "dead": 1_010, "duplicates": 1, "partitions": [0, 2],
                "by_reason": {"too_old": 210, "null": 800, "range": 0},
            },
            ("30,000 records validated in 30 s (1,000/s): 29,000 valid, 1,000 dead (null 800, too_old 200), "
            "0 duplicates; partitions 0, 2."),
        ),
        (
            {},
            {"valid": 3, "duplicates": 3, "aborts": 1_000, "last_error": "fenced", "partitions": [1]},
            ("6 records validated in 30 s (0/s): 3 valid, 0 dead, 3 duplicates; 1,000 transactions aborted and done "
            "again (fenced); partitions 1."),
        ),
        ({}, {}, "0 records validated in 30 s (0/s): 0 valid, 0 dead, 0 duplicates; partitions none yet."),
    ],
)  # fmt: skip
def test_a_validator_tells_what_became_of_the_records(
    before: dict[str, Any], after: dict[str, Any], sentence: str
) -> None:
    assert summary(VALIDATOR, before, after, 30) == sentence


def test_no_time_gives_no_rate() -> None:
    assert summary(VALIDATOR, {}, {"valid": 7}, 0).startswith("7 records validated in 0 s (-)")


class Log:
    """A heartbeat under the test's clock, and what it told."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.told: list[str] = []
        self.path = directory / "beat.json"
        self.heartbeat = TellingHeartbeat(self.path, self.clock, VALIDATOR, self.told.append, summary_seconds=30)

    def run(self, seconds: int, begin: int = 0) -> None:
        """A beat after each second, with one valid record more."""
        for second in range(begin + 1, begin + seconds + 1):
            self.clock.advance(1)
            self.heartbeat.beat({"valid": second})


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_it_is_told_at_most_once_an_interval_however_often_it_beats(log: Log) -> None:
    log.run(29)
    assert log.told == []
    log.run(61, begin=29)
    assert len(log.told) == 3


def test_what_is_told_adds_up_to_all_that_was_done_since_the_first_beat(log: Log) -> None:
    log.run(75)
    log.heartbeat.tell()
    assert [text.split(" records")[0] for text in log.told] == ["29", "30", "15"]  # the first beat already counted 1


def test_the_last_part_is_told_at_the_end(log: Log) -> None:
    log.run(40)
    log.heartbeat.tell()
    assert log.told[-1].startswith("10 records validated in 10 s (1/s): 10 valid")


def test_a_run_that_never_beat_has_nothing_to_tell(log: Log) -> None:
    log.clock.advance(100)
    log.heartbeat.tell()
    assert log.told == []


def test_the_figures_of_each_second_are_in_the_heartbeat_all_the_same(log: Log) -> None:
    log.run(3)
    assert json.loads(log.path.read_text())["valid"] == 3
    assert log.told == []


def test_a_paused_validator_says_why_and_that_its_run_goes_on() -> None:
    paused = {"phase": "paused", "problem": "Stream s is paused since noon.", "partitions": [0, 1]}
    assert summary(VALIDATOR, {}, paused, 30) == (
        "0 records validated in 30 s (0/s): 0 valid, 0 dead, 0 duplicates; paused. Stream s is paused since noon. This "
        "run goes on and waits; partitions 0, 1."
    )
