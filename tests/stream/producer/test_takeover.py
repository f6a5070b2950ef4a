"""Splits, gates and orphaned spools: who may send what, and when."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iot_platform.clock import ManualClock, SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Bounds, Stop, lease, waited_lease
from iot_platform.settings import FleetSettings, ProducerSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.places import part_of, process_name, producer_lease, spool_lock
from iot_platform.stream.producer import drain_spool, run_producer
from iot_platform.stream.producer.gate import Gate
from iot_platform.stream.producer.split import in_split
from iot_platform.stream.producer.takeover import Orphan, guarding, is_due, is_wanted
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.spool import Spool, read_accounts, spool_path
from iot_platform.stream.topics import ensure_topics
from tests.support.topics import read_all
from tests.support.waiting import eventually

LIMIT_BYTES = 10_000_000


def here(directory: Path, producers: int = 1) -> Settings:
    return load_settings(
        state_dir=directory,
        streams={"iot_data": StreamSettings()},
        fleet=FleetSettings(producers=producers),
    )


def spooled(settings: Settings, stream: str, source: str, generations: list[int], first: int = 0) -> Spool:
    """An open spool with a batch of one numbered reading for each of `generations`."""
    spool = Spool(spool_path(settings.spool_dir, stream, source), LIMIT_BYTES)
    for number, generation in enumerate(generations, first):
        spool.begin_generation(generation)
        spool.append([Reading(b"k", b"%d" % number, 1_790_000_000_000)], {})
    return spool


@pytest.mark.parametrize(
    ("source", "part", "process"),
    [
        ("fleet", 0, "producer-s"),
        ("fleet-2", 2, "producer-s-2"),
        ("file-day", None, "producer-s-file-day"),
        ("fleet-x", None, "producer-s-fleet-x"),
    ],
)
def test_the_first_part_of_a_fleet_has_the_names_of_the_whole(source: str, part: int | None, process: str) -> None:
    assert (part_of(source), process_name("s", source)) == (part, process)


def test_a_batch_goes_when_no_other_spool_holds_an_older_one(tmp_path: Path) -> None:
    settings, clock = here(tmp_path), ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with closing(spooled(settings, "iot_data", "fleet-1", [1, 2])) as other:
        gate = Gate(lambda: [other.path], clock)
        assert [gate.lets(generation) for generation in (1, 2, 3)] == [True, False, False]
        for batch_id, allowed in ((1, [True, True, False]), (2, [True, True, True])):
            other.acknowledge(batch_id, {})
            other.settle()
            clock.advance(1)
            assert [gate.lets(generation) for generation in (1, 2, 3)] == allowed


def test_producers_of_one_split_live_together_and_another_begins_when_all_are_gone(tmp_path: Path) -> None:
    found: list[int | None] = []

    def join(producers: int) -> None:
        with in_split(here(tmp_path, producers), "iot_data", Stop()) as generation:
            found.append(generation)

    with ExitStack() as stack:
        assert stack.enter_context(in_split(here(tmp_path, 1), "iot_data", Stop())) == 1
        assert stack.enter_context(in_split(here(tmp_path, 1), "iot_data", Stop())) == 1
        waiting = threading.Thread(target=join, args=(3,))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(30)
    join(3)
    join(1)
    assert found == [2, 2, 3]


def test_a_split_whose_lock_was_lost_goes_on_above_what_the_spools_know(tmp_path: Path) -> None:
    settings = here(tmp_path, 2)
    spooled(settings, "iot_data", "fleet-1", [7]).close()
    with in_split(settings, "iot_data", Stop()) as generation:
        assert generation == 8


def test_a_stop_ends_the_wait_for_another_split(tmp_path: Path) -> None:
    stop = Stop()
    with in_split(here(tmp_path, 1), "iot_data", Stop()):
        threading.Timer(0.3, stop.request).start()
        with in_split(here(tmp_path, 2), "iot_data", stop) as generation:
            assert generation is None


@pytest.mark.parametrize(("wanted", "free_seconds", "due"), [(True, 29.9, False), (True, 30, True), (False, 0, True)])
def test_a_spool_is_taken_over_at_once_when_nobody_comes_back_for_it_else_after_a_wait(
    wanted: bool, free_seconds: float, due: bool
) -> None:
    assert is_due(Orphan("s", "fleet-1", wanted), free_seconds, takeover_seconds=30) is due


@pytest.mark.parametrize(
    ("stream", "source", "wanted"),
    [
        ("iot_data", "fleet", True),
        ("iot_data", "fleet-1", True),
        ("iot_data", "fleet-2", False),
        ("other", "fleet", False),
        ("other", "file-day", True),
    ],
)
def test_a_slot_beyond_the_fleet_s_producers_is_not_wanted(
    tmp_path: Path, stream: str, source: str, wanted: bool
) -> None:
    assert is_wanted(here(tmp_path, 2), stream, source) is wanted


class Numbers:
    """Gives numbers from 100 on, all of one sensor."""

    name = "file-numbers"
    can_wait = True

    def start(self, cursor: Cursor | None) -> None:
        pass

    def batch(self, limit: int) -> Batch:
        return Batch([Reading(b"k", b"%d" % n, 1_790_000_000_000) for n in range(100, 103)], {}, exhausted=True)

    def accepted(self, batch: Batch) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def stream(settings: Settings, stream_name: str) -> str:
    ensure_topics(Clients(settings), settings, stream_name)
    return stream_name


def arrived(settings: Settings, stream: str) -> list[int]:
    return [int(kept.value or b"") for kept in read_all(settings, Topology(stream).raw)]


def waiting(settings: Settings, stream: str) -> dict[str, int]:
    return {one.name: one.spooled for one in read_accounts(settings.spool_dir, stream)}


def test_older_splits_are_drained_first_whatever_spool_they_are_in(settings: Settings, stream: str) -> None:
    spooled(settings, stream, "fleet", [1, 3], first=1).close()
    spooled(settings, stream, "fleet-1", [2], first=5).close()
    clock = SystemClock()

    def drain(source: str) -> int:
        return drain_spool(settings, stream, source, clock, lambda: True)

    assert [drain("fleet"), drain("fleet"), drain("fleet-1"), drain("fleet")] == [1, 0, 1, 1]
    assert arrived(settings, stream) == [1, 5, 2]


def test_a_living_producer_delivers_an_orphaned_spool_and_leaves_alone_what_has_an_owner(
    settings: Settings, stream: str
) -> None:
    quick = settings.model_copy(update={"producer": ProducerSettings(takeover_seconds=1)})
    for number, source in enumerate(("file-dead", "file-alive")):
        spooled(settings, stream, source, [0], first=number).close()
    with (
        lease(producer_lease(settings, stream, "file-alive"), "its producer"),
        guarding(quick, stream, "fleet", SystemClock()),
    ):
        eventually(lambda: waiting(settings, stream)["file-dead"] == 0, 60, "the orphaned spool delivered")
        assert waiting(settings, stream)["file-alive"] == 1
    assert arrived(settings, stream) == [0]
    (dead,) = (one for one in read_accounts(settings.spool_dir, stream) if one.name == "file-dead")
    assert (dead.born, dead.acknowledged, dead.spooled) == (1, 1, 0)


def test_a_producer_that_comes_back_waits_for_its_spool_and_goes_on_behind_what_was_in_it(
    settings: Settings, stream: str
) -> None:
    spooled(settings, stream, Numbers.name, [0, 0]).close()
    results: list[int] = []

    def run() -> None:
        results.append(run_producer(settings, Numbers(), stream, stop=Stop(), bounds=Bounds(seconds=60)).born)

    with waited_lease(spool_lock(settings, stream, Numbers.name), lambda: False) as mine:
        assert mine
        back = threading.Thread(target=run)
        back.start()
        back.join(0.5)
        assert back.is_alive()
        assert waiting(settings, stream) == {Numbers.name: 2}
    back.join(120)
    assert results == [3]
    assert arrived(settings, stream) == [0, 1, 100, 101, 102]


def test_a_spool_that_another_has_is_not_touched(settings: Settings, stream: str) -> None:
    spooled(settings, stream, "fleet", [1]).close()
    with waited_lease(spool_lock(settings, stream, "fleet"), lambda: False):
        assert drain_spool(settings, stream, "fleet", SystemClock(), lambda: True) == 0
    assert waiting(settings, stream) == {"fleet": 1}
