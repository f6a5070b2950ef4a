"""A fleet that nobody asked for a while goes on at once, and with ids that it never gave."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from iot_platform.clock import ManualClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.settings import FleetSettings
from iot_platform.stream.sources.fleet import Fleet


def fleet(clock: ManualClock) -> Fleet:
    return Fleet(FleetSettings(sensors=20), load_catalogue("iot_data"), clock, origin="origin")


def taken(source: Fleet, clock: ManualClock, seconds: int) -> list[dict[str, Any]]:
    """Everything the fleet gives in that many seconds, asked each second."""
    documents = []
    for _ in range(seconds):
        clock.advance(1)
        while more := source.batch(500).readings:
            documents += [json.loads(reading.value or b"") for reading in more]
    return documents


@pytest.mark.parametrize("pause_seconds", [11, 60, 300, 3_600])
def test_after_a_pause_in_the_middle_of_a_window_it_goes_on_at_once_with_new_ids(pause_seconds: int) -> None:
    clock = ManualClock(datetime(2026, 7, 1, tzinfo=UTC))
    source = fleet(clock)
    source.start(None)
    before = taken(source, clock, 60)
    cursor = source.batch(1).cursor
    assert cursor["skip"]
    clock.advance(pause_seconds)
    back = clock.now()
    resumed = fleet(clock)
    resumed.start(cursor)
    assert resumed.batch(1).wait_seconds < 1
    after = taken(resumed, clock, 5)
    assert len(after) == pytest.approx(50, rel=0.2)
    assert all(datetime.fromisoformat(document["generated_at"]) >= back for document in after)
    both = before + after
    assert len({document["message_id"] for document in both}) == len(both)
