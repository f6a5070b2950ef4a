"""The source's own list: on disk before anything else, whole after a crash."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iot_platform.clock import ManualClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.settings import FleetSettings
from iot_platform.stream.sources.fleet import Fleet
from iot_platform.stream.sources.journal import Journaled


def journal(path: Path) -> Journaled:
    clock = ManualClock(datetime(2026, 7, 1, tzinfo=UTC))
    fleet = Fleet(FleetSettings(rate=1000), load_catalogue("iot_data"), clock, origin="o")
    listed = Journaled(fleet, path)
    listed.start(None)
    clock.advance(5)
    return listed


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_reading_is_listed_before_it_is_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal"
    listed = journal(path)
    batch = listed.batch(50)
    written = lines(path)
    listed.close()
    assert [line["seq"] for line in written] == list(range(50))
    assert [line["sha256"] for line in written] == [
        hashlib.sha256(reading.value or b"").hexdigest() for reading in batch.readings
    ]
    assert [line["class"] for line in written] == [reading.expectation for reading in batch.readings]
    named = [line for line in written if line["class"] == "valid"]
    assert all(len(str(line["message_id"])) == 36 and line["sensor_id"] for line in named)


def test_what_was_accepted_is_listed_by_its_numbers(tmp_path: Path) -> None:
    listed = journal(tmp_path / "journal")
    for size in (3, 4):
        listed.accepted(listed.batch(size))
    listed.close()
    assert [line["accepted"] for line in lines(tmp_path / "journal") if "accepted" in line] == [[0, 2], [3, 6]]


@pytest.mark.parametrize("torn", ['{"seq":', '{"seq":7,"message_id":"x"}', "\0\0"])
def test_a_torn_line_is_cut_off_and_the_numbers_go_on(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "journal"
    first = journal(path)
    first.accepted(first.batch(5))
    first.close()
    with path.open("a") as file:
        file.write(torn)
    second = journal(path)
    second.batch(2)
    second.close()
    assert [line["seq"] for line in lines(path) if "seq" in line] == [0, 1, 2, 3, 4, 5, 6]
