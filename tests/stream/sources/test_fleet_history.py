"""A fleet with a history: what it would have sent before its first start comes first, whole, once, and as of then."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from iot_platform.clock import ManualClock, unix_millis
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.settings import FleetSettings
from iot_platform.stream.sources.base import Cursor, Reading
from iot_platform.stream.sources.fleet import Fleet

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)


def fleet(clock: ManualClock, **more: float) -> Fleet:
    return Fleet(FleetSettings(sensors=20, history_hours=1, **more), load_catalogue("iot_data"), clock, origin="origin")


def drawn(source: Fleet) -> tuple[list[Reading], Cursor]:
    """All there is at this moment, and the cursor after it."""
    readings: list[Reading] = []
    while (batch := source.batch(500)).readings:
        readings += batch.readings
    return readings, batch.cursor


def generated(reading: Reading) -> datetime:
    return datetime.fromisoformat(json.loads(reading.value or b"")["generated_at"])


def test_the_hour_before_comes_at_once_each_reading_accepted_when_it_was_due() -> None:
    source = fleet(ManualClock(NOW))
    source.start(None)
    readings, _ = drawn(source)
    assert abs(len(readings) - 36_000) < 40
    assert all(reading.accepted_at_ms == unix_millis(generated(reading)) for reading in readings)
    moments = [generated(reading) for reading in readings]
    assert moments == sorted(moments)
    assert moments[0] - (NOW - timedelta(hours=1)) < timedelta(seconds=2)
    assert NOW - moments[-1] < timedelta(seconds=2)


def test_between_history_and_now_there_is_no_gap_however_long_the_history_took() -> None:
    clock = ManualClock(NOW)
    source = fleet(clock)
    source.start(None)
    first = source.batch(500)
    clock.advance(120)  # as long as it took to send the rest
    rest, _ = drawn(source)
    clock.advance(2)
    live, _ = drawn(source)
    moments = [generated(reading) for reading in (*first.readings, *rest, *live)]
    assert max(after - before for before, after in pairwise(moments)) < timedelta(seconds=2)
    assert {reading.accepted_at_ms for reading in live} == {unix_millis(clock.now())}


def test_a_crash_in_the_history_repeats_the_very_same_readings_and_goes_on() -> None:
    whole = fleet(ManualClock(NOW))
    whole.start(None)
    expected, _ = drawn(whole)
    before = fleet(ManualClock(NOW))
    before.start(None)
    taken = before.batch(5_000)
    before.batch(3_000)  # lost with the process: it was not stored
    after = fleet(ManualClock(NOW))
    after.start(json.loads(json.dumps(taken.cursor)))
    rest, _ = drawn(after)
    assert [*taken.readings, *rest] == expected


def test_once_it_has_caught_up_missed_time_is_let_go_as_ever() -> None:
    clock = ManualClock(NOW)
    source = fleet(clock)
    source.start(None)
    drawn(source)
    clock.advance(5)
    _, cursor = drawn(source)
    clock.advance(3_600)
    resumed = fleet(clock)
    resumed.start(cursor)
    assert len(drawn(resumed)[0]) < 150


def test_a_fleet_of_another_shape_begins_now_for_its_past_was_sent() -> None:
    clock = ManualClock(NOW)
    source = fleet(clock)
    source.start(None)
    _, cursor = drawn(source)
    faster = fleet(clock, rate=50)
    faster.start(cursor)
    assert drawn(faster)[0] == []
