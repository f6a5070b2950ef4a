"""Spools as the alerts see them: what fills, what is full, what was set aside."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from iot_platform.settings import ProducerSettings, load_settings
from iot_platform.stream.spool.quarantine import QuarantinedBatch
from iot_platform.supervision.observing import disk_signals
from iot_platform.supervision.spools import filling, set_aside, spool_signals

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
LIMITS = ProducerSettings(spool_max_bytes=100_000_000, spool_max_age_hours=10)
LIMIT = "it takes no more at 100 MB or 10 h."
BEAT = {"spooled": 7_000, "spool_bytes": 1_000, "oldest_age_seconds": 1.0, "stream": "iot_data", "age_seconds": 1.0}
FULL = {**BEAT, "spool_full": True, "problem": "The spool is full."}


@pytest.mark.parametrize(
    ("beat", "told"),
    [
        ({}, []),
        (BEAT, []),
        ({**BEAT, "spool_bytes": 49_999_999}, []),
        ({**BEAT, "spool_bytes": 50_000_000},
         [("spool_filling", "warn", f"7,000 readings wait, 50 MB, the oldest for 1 s; {LIMIT}")]),
        ({**BEAT, "oldest_age_seconds": 18_000.0},
         [("spool_filling", "warn", f"7,000 readings wait, 0 MB, the oldest for 5 h; {LIMIT}")]),
        (FULL, [("spool_full", "error", "The spool is full.")]),
    ],
)  # fmt: skip
def test_a_spool_is_told_of_from_half_full_on(beat: dict[str, Any], told: list[tuple[str, str, str]]) -> None:
    assert [(one.name, one.level, one.text) for one in filling("producer-a", beat, LIMITS, NOW)] == told


def test_only_what_a_living_producer_says_counts(tmp_path: Path) -> None:
    beats = {"producer-a": FULL, "producer-b": {**FULL, "age_seconds": 3_600.0}}
    (signal,) = spool_signals(load_settings(state_dir=tmp_path), beats, NOW)
    assert (signal.kind, signal.subject, signal.stream) == ("platform", "producer-a", "iot_data")


def test_batches_that_were_set_aside_are_told_by_spool() -> None:
    batches = [QuarantinedBatch(spool, number, 100, 0, b"", "") for spool, number in (("a", 1), ("a", 2), ("b", 1))]
    assert [(one.subject, one.text) for one in set_aside(batches, NOW)] == [
        ("a", "2 damaged batches with 200 readings are set aside, a/1 first."),
        ("b", "1 damaged batches with 100 readings are set aside, b/1 first."),
    ]


@pytest.mark.parametrize(("free", "levels"), [(2_000_000_000, []), (1_999_999_999, ["warn"]), (499_999_999, ["error"])])
def test_little_disk_warns_and_hardly_any_is_an_error(free: int, levels: list[str]) -> None:
    assert [one.level for one in disk_signals("/data", free, NOW)] == levels
