"""A warehouse that is begun anew loads what Kafka still holds, and the audit says what it holds no more."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import OffsetsLostError
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.load import load_once
from iot_platform.pipeline.statement import Statement
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from tests.support.outputs import Outputs, reading
from tests.support.topics import send

pytestmark = pytest.mark.kafka


@pytest.fixture
def topology(settings: Settings, stream_name: str) -> Topology:
    """A stream whose partition 0 holds 10 readings, in two transactions; each ends with a marker."""
    ensure_topics(Clients(settings), settings, stream_name)
    topology = Topology(stream_name)
    send(settings, topology.raw, [{"value": b"{}", "partition": 0} for _ in range(10)])
    outputs = Outputs(settings, stream_name)
    outputs.write([reading()] * 4)
    outputs.write([reading()] * 6)
    return topology


def load(settings: Settings) -> int:
    return load_once(settings, Clients(settings), SystemClock()).readings


def begin_anew(settings: Settings) -> None:
    settings.warehouse_path.rename(settings.warehouse_path.with_name("aside.duckdb"))


def remove_before(settings: Settings, topic: str, offset: int) -> None:
    admin = Clients(settings).admin()  # kept until the answer is here: a collected client never answers
    (future,) = admin.delete_records([TopicPartition(topic, 0, offset)]).values()
    future.result(20)


def found(settings: Settings, topology: Topology) -> tuple[Statement, dict[str, tuple[str, int]]]:
    made = audit(settings, topology.stream, SystemClock())
    assert made.raw == made.valid + made.dead + made.duplicates + made.in_flight + made.unaccounted == 10
    return made, {finding.code: (finding.where, finding.count) for finding in made.findings}


def test_a_new_warehouse_loads_what_retention_left_and_the_audit_names_what_it_took(
    settings: Settings, topology: Topology
) -> None:
    assert load(settings) == 10
    begin_anew(settings)
    remove_before(settings, topology.validated, 7)  # 4 readings, a marker, 2 readings
    _, before = found(settings, topology)
    assert before["removed_before_loading"] == (f"{topology.validated}/0", 7)
    assert load(settings) == 4
    made, after = found(settings, topology)
    assert after == {"removed_before_loading": (f"{topology.validated}/0", 6)}
    assert (made.valid, made.unaccounted, made.loaded["valid"]) == (4, 6, 4)
    assert load(settings) == 0


def test_a_new_warehouse_without_the_first_ledger_entries_says_that_kafka_may_have_removed_them(
    settings: Settings, topology: Topology
) -> None:
    remove_before(settings, topology.validated, 5)
    remove_before(settings, topology.ledger, 2)
    assert load(settings) == 6
    made, codes = found(settings, topology)
    assert codes == {"ledger_hole": (f"{topology.raw}/0", 4)}
    assert "Kafka had removed their entries before they were loaded" in made.findings[0].text
    assert (made.valid, made.unaccounted) == (6, 4)


def test_what_is_removed_after_the_first_load_stops_the_loader_even_where_nothing_was_loaded_yet(
    settings: Settings, topology: Topology
) -> None:
    assert load(settings) == 10
    send(settings, topology.dead_letters, [{"value": b"x", "partition": 0}] * 2)
    remove_before(settings, topology.dead_letters, 1)
    with pytest.raises(OffsetsLostError, match=f"{topology.dead_letters}/0 is to be read from offset 0"):
        load(settings)
