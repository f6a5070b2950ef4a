"""V3, F22: partitions move between two validators, 1 → 2 → 1 → 2 → 1, while readings and repeats never cease."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from iot_platform.contract import dead_letter
from iot_platform.contract.reasons import Code
from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from tests.support.processes import running
from tests.support.topics import Kept, assert_ledger_is_whole, read_all, read_ledger
from tests.support.traffic import Traffic
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

SEED = 20_261_124
MOVE_SECONDS = 60.0


@pytest.fixture
def topology(settings: Settings, stream_name: str) -> Topology:
    ensure_topics(Clients(settings), settings, stream_name)
    return Topology(stream_name)


def owners(settings: Settings, topology: Topology) -> dict[int, list[int]]:
    """By partition, the slots that validated it, in order; each as often as it took the partition over."""
    moves: dict[int, list[int]] = defaultdict(list)
    for entry in read_ledger(settings, topology.stream):
        if moves[entry.partition][-1:] != [entry.slot]:
            moves[entry.partition].append(entry.slot)
    return moves


def sensor_order(values: Sequence[bytes | None]) -> dict[str, list[bytes | None]]:
    by_sensor: dict[str, list[bytes | None]] = defaultdict(list)
    for value in values:
        by_sensor[json.loads(value or b"")["sensor_id"]].append(value)
    return by_sensor


def assert_each_once(settings: Settings, topology: Topology, traffic: Traffic) -> None:
    valid, dead = read_all(settings, topology.validated), read_all(settings, topology.dead_letters)
    assert Counter(kept.value for kept in valid) == Counter(traffic.new)
    assert sensor_order([kept.value for kept in valid]) == sensor_order(traffic.new)
    assert codes(dead) == Counter({Code.CONFLICT: traffic.conflicts})
    entries = read_ledger(settings, topology.stream)
    assert sum(entry.duplicates for entry in entries) == traffic.repeats
    assert_ledger_is_whole(entries, read_all(settings, topology.raw))


def codes(dead: list[Kept]) -> Counter[Code]:
    return Counter(reason.code for kept in dead for reason in dead_letter.from_headers(kept.headers).reasons)


def test_v3_repeats_sent_before_during_and_after_each_move_are_valid_once(
    settings: Settings, topology: Topology, tmp_path: Path
) -> None:
    log = tmp_path / "validators.log"
    command = ("validate", "--stream", topology.stream, "--slot")

    def moved(condition: Callable[[dict[int, list[int]]], bool], what: str) -> None:
        eventually(lambda: condition(owners(settings, topology)), MOVE_SECONDS, f"{what}; {log.read_text()[-3000:]}")

    def last(slot: int) -> Callable[[dict[int, list[int]]], bool]:
        return lambda owned: any(slots[-1] == slot for slots in owned.values())

    def alone(owned: dict[int, list[int]]) -> bool:
        return len(owned) == 3 and all(slots[-1] == 0 for slots in owned.values())

    with Traffic(settings, topology.raw, SEED) as traffic, running(settings, *command, "0", log=log):
        moved(alone, "the first validator alone")
        with running(settings, *command, "1", log=log) as second:
            moved(last(1), "a share for the second")
            second.terminate()
            assert second.wait(30) == 0
        moved(alone, "all partitions back when the second has stopped")
        with running(settings, *command, "1", log=log):
            moved(last(1), "a share for the second again")
        moved(alone, "all partitions back when the second was killed")
        traffic.end()
        eventually(
            lambda: sum(entry.covered for entry in read_ledger(settings, topology.stream)) == traffic.sent,
            MOVE_SECONDS,
            "all validated",
        )
    assert sum(slots.count(1) for slots in owners(settings, topology).values()) >= 2
    assert_each_once(settings, topology, traffic)
