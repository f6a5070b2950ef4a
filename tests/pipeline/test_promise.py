"""The comparison of a source's own list with what there is sees what is lost, doubled and invented."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.pipeline.load import load_once
from iot_platform.pipeline.promise import Verdict, compare, read_promise
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from tests.support.pipeline import validated
from tests.support.readings import encoded
from tests.support.topics import read_all, send


def listed(path: Path, values: Sequence[bytes], *, accepted: int, classes: Sequence[str] = ()) -> Path:
    """A source's list of `values`, of which the first were `accepted`, and a line that was torn by a crash."""
    lines = []
    for seq, value in enumerate(values):
        document = json.loads(value)
        lines.append(
            {
                "seq": seq,
                "message_id": document["message_id"],
                "sensor_id": document["sensor_id"],
                "sha256": hashlib.sha256(value).hexdigest(),
                "class": classes[seq] if classes else "valid",
            }
        )
    text = "\n".join(json.dumps(line) for line in [*lines, {"accepted": [0, accepted - 1]}])
    path.write_text(f'{text}\n{{"seq": 99, "mess')
    return path


def test_what_was_given_and_not_accepted_is_promised_to_nobody(tmp_path: Path) -> None:
    values = [encoded() for _ in range(3)]
    promise = read_promise(listed(tmp_path / "list", values, accepted=2, classes=["valid", "dead", "valid"]))
    assert (len(promise.valid), len(promise.dead), len(promise.given)) == (1, 1, 3)
    assert promise.valid_ids == {json.loads(values[0])["message_id"]}


@pytest.fixture
def arrived(settings: Settings, stream_name: str) -> list[bytes]:
    """Twenty readings in topic and warehouse; one is repaired on its way, and two more are dead."""
    ensure_topics(Clients(settings), settings, stream_name)
    values = [*(encoded() for _ in range(19)), encoded(unit=None), *(encoded(value=10_000.0) for _ in range(2))]
    totals = validated(settings, Topology(stream_name), values)
    assert (totals.valid, totals.dead) == (20, 2)
    load_once(settings, Clients(settings), SystemClock())
    return values


def test_what_arrived_once_holds_and_each_way_to_break_it_is_seen(
    settings: Settings, stream_name: str, arrived: list[bytes], tmp_path: Path
) -> None:
    classes = ["valid"] * 20 + ["dead"] * 2

    def judged(values: Sequence[bytes], classes: Sequence[str]) -> Verdict:
        path = listed(tmp_path / "list", values, accepted=len(values), classes=classes)
        return compare(settings, stream_name, read_promise(path))

    sound = judged(arrived, classes)
    assert (sound, sound.holds) == (Verdict(22, 0, 0, 0), True)
    lost = judged([*arrived, encoded(), encoded()], [*classes, "valid", "dead"])
    assert (lost.lost, lost.doubled, lost.invented) == (3, 0, 0)  # one in the topic and in the warehouse
    invented = judged(arrived[1:], classes[1:])
    assert (invented.lost, invented.doubled, invented.invented) == (0, 0, 1)
    send(settings, Topology(stream_name).validated, [{"value": arrived[0], "key": b"sensor-1"}])
    doubled = judged(arrived, classes)
    assert (doubled.lost, doubled.doubled, doubled.invented) == (0, 1, 0)
    assert not any(verdict.holds for verdict in (lost, invented, doubled))


def test_what_was_sent_again_is_known_by_its_dead_letter_whatever_its_bytes_are_now(
    settings: Settings, stream_name: str, arrived: list[bytes], tmp_path: Path
) -> None:
    topology, classes = Topology(stream_name), ["valid"] * 20 + ["dead"] * 2
    promise = read_promise(listed(tmp_path / "list", arrived, accepted=len(arrived), classes=classes))
    (source, *_) = [dict(one.headers)["iot.source"] for one in read_all(settings, topology.dead_letters)]
    mended = {"value": encoded(), "key": b"sensor-1", "headers": [("iot.redriven_from", source)]}
    send(settings, topology.validated, [mended])
    assert compare(settings, stream_name, promise) == Verdict(22, 0, 0, 0)
    send(settings, topology.dead_letters, [{**mended, "headers": [*mended["headers"], ("iot.source", b"raw/0/99")]}])
    assert compare(settings, stream_name, promise).holds, "dead again"
    send(settings, topology.validated, [mended, {**mended, "headers": [("iot.redriven_from", b"raw/0/77")]}])
    assert compare(settings, stream_name, promise) == Verdict(22, lost=0, doubled=1, invented=1)
