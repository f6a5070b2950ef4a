"""The source of a measurement: sound readings of all its sensors in turn, one in a hundred dead."""

from __future__ import annotations

from datetime import UTC, datetime

from iot_platform.clock import ManualClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.judge import Judge
from iot_platform.contract.reading import Freshness
from iot_platform.planning.feed import Feed

_NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_its_readings_are_valid_but_one_in_a_hundred_and_each_has_an_id_of_its_own() -> None:
    readings = Feed(300, None, ManualClock(_NOW)).batch(1_000).readings
    judge = Judge(load_catalogue("iot_data"), Freshness(86_400, 300), 1_000_000)
    verdict = judge.judge(
        [one.value for one in readings], [one.key for one in readings], [one.accepted_at_ms for one in readings]
    )
    assert sorted(verdict.dead) == list(range(0, 1_000, 100))
    ids = [message_id for message_id in verdict.message_ids if message_id]
    assert len(set(ids)) == 990


def test_every_sensor_has_its_turn_before_one_comes_again() -> None:
    feed = Feed(300, None, ManualClock(_NOW))
    keys = [one.key for _ in range(4) for one in feed.batch(100).readings]
    assert len(set(keys[:300])) == 300
    assert keys[300:] == keys[:100]


def test_it_gives_what_is_due_by_its_rate_and_no_more() -> None:
    clock = ManualClock(_NOW)
    feed = Feed(300, 1_000.0, clock)
    feed.start(None)
    assert not feed.batch(2_000).readings
    clock.advance(0.5)
    assert len(feed.batch(2_000).readings) == 500
    nothing = feed.batch(2_000)
    assert not nothing.readings
    assert nothing.wait_seconds > 0
    clock.advance(10)
    assert len(feed.batch(2_000).readings) == 2_000
