"""When a delivery is tried again, and when it is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from iot_platform.watch.alerts.delivery import retry_at

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_delivery_is_tried_at_once_again_then_ever_later_for_a_day() -> None:
    waits, now, attempts = [], NOON, 1
    while (again := retry_at(attempts, now, NOON)) is not None:
        waits.append((again - now).total_seconds())
        now, attempts = again, attempts + 1
    assert waits[:7] == [0, 30, 60, 120, 240, 480, 900]
    assert set(waits[6:]) == {900}
    assert timedelta(days=1) <= now - NOON < timedelta(days=1, minutes=15)
    assert attempts < 110


def test_what_a_slow_channel_may_have_taken_is_sent_a_dozen_times_a_day_and_not_a_hundred() -> None:
    waits, now, attempts = [], NOON, 1
    while (again := retry_at(attempts, now, NOON, unsure=True)) is not None:
        waits.append((again - now).total_seconds() / 60)
        now, attempts = again, attempts + 1
    assert waits == [0, 0.5, 2, 8, 32, 128, *[240] * 6]
    assert timedelta(days=1) <= now - NOON < timedelta(days=1, hours=4)
