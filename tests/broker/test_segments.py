"""What Kafka's files hold is what was written to it, batch by batch."""

from __future__ import annotations

from pathlib import Path

from iot_platform.broker.node import LocalBroker
from iot_platform.broker.segments import Written, written
from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings, load_settings
from iot_platform.stream.clients import Clients
from tests.support.waiting import eventually


def test_records_batches_and_markers_of_a_real_topic_are_counted(
    settings: Settings, topology: Topology, broker: LocalBroker
) -> None:
    producer = Clients(settings).producer({"transactional.id": settings.instance, "linger.ms": 1_000})
    producer.init_transactions()
    for _ in range(2):
        producer.begin_transaction()
        for number in range(50):
            producer.produce(topology.raw, key=b"k", value=b"v" * 100, partition=number % 2)
        producer.commit_transaction()
    eventually(  # Kafka writes the markers of a commit after it has answered
        lambda: written(broker._settings, topology.raw).markers == 4, 30, "the markers of both commits"
    )
    found = written(broker._settings, topology.raw)
    assert (found.records, found.batches, found.markers) == (100, 4, 4)
    assert found.record_bytes > 100 * 100
    assert 0 < found.marker_bytes < found.record_bytes
    assert written(broker._settings, topology.validated) == Written()


def _file(directory: Path, *contents: bytes) -> Settings:
    settings = load_settings(state_dir=directory)
    for number, content in enumerate(contents):
        partition = directory / "kafka" / "data" / f"raw_s-{number}"
        partition.mkdir(parents=True)
        (partition / "00000000000000000000.log").write_bytes(content)
    return settings


def _batch(records: int, size: int, attributes: int = 0) -> bytes:
    head = (0).to_bytes(8, "big") + (size - 12).to_bytes(4, "big") + bytes(4) + b"\2" + bytes(4)
    head += attributes.to_bytes(2, "big") + bytes(34) + records.to_bytes(4, "big")
    return head + bytes(size - len(head))


def test_what_is_being_appended_is_left_out(tmp_path: Path) -> None:
    whole = _batch(3, 100) + _batch(1, 78, attributes=0x30)
    settings = _file(tmp_path, whole + _batch(5, 200)[:150], whole + bytes(500), b"", b"short")
    assert written(settings, "raw_s") == Written(2, 6, 200, 2, 156)


def test_another_topic_with_a_like_name_is_not_counted(tmp_path: Path) -> None:
    settings = _file(tmp_path, _batch(3, 100))
    (tmp_path / "kafka" / "data" / "raw_s-0").rename(tmp_path / "kafka" / "data" / "raw_s-other-0")
    assert written(settings, "raw_s") == Written()
