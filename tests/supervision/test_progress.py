"""Who waits for what was sent gives up where nothing moves, and not where Kafka was away for a while."""

from __future__ import annotations

import pytest

from iot_platform.broker.ports import free_port
from iot_platform.clock import SystemClock
from iot_platform.errors import KafkaUnavailableError
from iot_platform.settings import DagsterSettings, KafkaSettings, Settings
from iot_platform.supervision import progress
from iot_platform.supervision.progress import Patience, wait_until_loaded

Look = tuple[float, int | None]


@pytest.mark.parametrize(
    ("looks", "over"),
    [
        ([(0, 9), (61, 9)], True),
        ([(0, 9), (59, 8), (119, 8)], False),
        ([(0, 9), (59, 8), (120, 8)], True),
        ([(0, 9), (30, 12), (61, 12)], True),  # more waits: that is no progress
        ([(0, None), (60, None)], False),
        ([(0, None), (61, None)], True),
        ([(0, 9), (50, None), (55, 9), (115, 9)], False),  # from Kafka's return on it is a minute again
        ([(0, 9), (50, None), (55, 9), (116, 9)], True),
    ],
)
def test_patience_ends_after_a_minute_without_progress(looks: list[Look], over: bool) -> None:
    patience = Patience(60.0, since=0.0)
    *before, last = [patience.is_over(waiting, now) for now, waiting in looks]
    assert not any(before)
    assert last == over


def test_while_kafka_is_away_it_is_waited_for_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_STANDSTILL_SECONDS", 1.0)
    nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    settings = Settings.model_construct(kafka=nobody, dagster=DagsterSettings(enabled=False))
    told: list[str] = []
    with pytest.raises(KafkaUnavailableError):
        wait_until_loaded(settings, "iot_data", SystemClock(), told.append)
    assert [text.endswith("What was sent is safe; waiting for Kafka …") for text in told] == [True]
