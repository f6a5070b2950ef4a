"""The audit names each planted loss, and nothing else, while traffic goes on."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.load import load_once
from iot_platform.pipeline.statement import Finding, Statement
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.validator import Validator
from iot_platform.warehouse.connection import open_warehouse
from tests.support.fleet_producer import run_fleet
from tests.support.outputs import Outputs, dead, reading
from tests.support.pipeline import validated
from tests.support.processes import running
from tests.support.readings import encoded
from tests.support.topics import read_all, send
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka


@pytest.fixture
def outputs(settings: Settings, topology: Topology) -> Outputs:
    """Transactions of our own making, over raw records that are there."""
    send(settings, topology.raw, [{"value": b"{}", "partition": 0} for _ in range(20)])
    return Outputs(settings, topology.stream)


def load(settings: Settings) -> None:
    load_once(settings, Clients(settings), SystemClock())


def statement(settings: Settings, topology: Topology) -> Statement:
    made = audit(settings, topology.stream, SystemClock())
    assert made.raw == made.valid + made.dead + made.duplicates + made.in_flight + made.unaccounted
    return made


def only(made: Statement) -> Finding:
    assert [finding.code for finding in made.findings] == [made.findings[0].code]
    return made.findings[0]


def tamper(settings: Settings, sql: str) -> None:
    with open_warehouse(settings) as connection:
        connection.execute(sql)


def test_an_empty_stream_balances(settings: Settings, topology: Topology) -> None:
    made = statement(settings, topology)
    assert made.balanced
    assert (made.raw, made.in_flight, made.loaded) == (0, 0, {"valid": 0, "dead": 0})


def test_every_reading_is_found_where_it_is(settings: Settings, topology: Topology) -> None:
    twice = encoded(sensor_id="sensor-9")
    validated(settings, topology, [encoded(), encoded(unit=None), b"nonsense", twice, twice])
    load(settings)
    validated(settings, topology, [encoded(), b"more nonsense"])
    send(settings, topology.raw, [{"value": encoded(), "key": b"sensor-1"}])
    made = statement(settings, topology)
    assert made.balanced, made.findings
    assert (made.raw, made.valid, made.repaired, made.dead, made.duplicates, made.in_flight) == (8, 4, 1, 2, 1, 1)
    assert made.loaded == {"valid": 3, "dead": 1}


def test_what_a_fleet_gave_is_accounted_for_from_its_birth(settings: Settings, topology: Topology) -> None:
    fleet = settings.fleet.model_copy(update={"stream": topology.stream, "rate": 500.0})
    result = run_fleet(settings.model_copy(update={"fleet": fleet}), Bounds(count=300))
    validated(settings, topology, [])
    load(settings)
    made = statement(settings, topology)
    assert made.balanced, made.findings
    (source,) = made.sources.values()
    assert (source["born"], source["acknowledged"], source["spooled"]) == (result.born, result.acknowledged, 0)
    assert made.raw == result.acknowledged


def plant(settings: Settings, topology: Topology, sql: str) -> None:
    """Change the spool of a fleet that has sent 50 readings."""
    fleet = settings.fleet.model_copy(update={"stream": topology.stream, "rate": 500.0})
    run_fleet(settings.model_copy(update={"fleet": fleet}), Bounds(count=50))
    (path,) = settings.spool_dir.glob(f"{topology.stream}-*.sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_a_reading_lost_in_the_spool_is_named(settings: Settings, topology: Topology) -> None:
    plant(settings, topology, "UPDATE counters SET value = value + 3 WHERE name = 'born'")
    found = only(statement(settings, topology))
    assert (found.code, found.count) == ("spool_lost", 3)
    assert "missing from the spool" in found.text


def test_readings_that_kafka_acknowledged_and_does_not_have_are_named(settings: Settings, topology: Topology) -> None:
    plant(settings, topology, "UPDATE counters SET value = value + 5 WHERE name IN ('born', 'acknowledged')")
    found = only(statement(settings, topology))
    assert (found.code, found.where, found.count) == ("source_lost", topology.raw, 5)


def test_an_acknowledged_offset_beyond_the_log_is_named(settings: Settings, topology: Topology) -> None:
    plant(settings, topology, "UPDATE acknowledged_offsets SET offset = 5000 WHERE partition = 1")
    found = only(statement(settings, topology))
    assert (found.code, found.where) == ("raw_lost", f"{topology.raw}/1")


@pytest.mark.parametrize("loaded", [True, False])
def test_raw_offsets_that_no_validator_covered_are_named(
    settings: Settings, topology: Topology, outputs: Outputs, loaded: bool
) -> None:
    outputs.write([reading()], [dead(b"x", 1)])
    outputs.write([reading()], skip=4)
    if loaded:
        load(settings)
    made = statement(settings, topology)
    found = only(made)
    assert (found.code, found.where, found.count) == ("ledger_hole", f"{topology.raw}/0", 4)
    assert "offsets 2 to 5" in found.text
    assert (made.unaccounted, made.in_flight) == (4, 13)


def test_offsets_validated_twice_are_named(settings: Settings, topology: Topology, outputs: Outputs) -> None:
    outputs.write([reading(), reading()])
    outputs.write([reading()], skip=-1)
    load(settings)
    made = statement(settings, topology)
    assert (only(made).code, only(made).count, made.unaccounted) == ("ledger_overlap", 1, -1)


def test_a_ledger_entry_that_does_not_add_up_is_named(settings: Settings, topology: Topology, outputs: Outputs) -> None:
    outputs.write([reading(), reading()], gaps=1)
    load(settings)
    assert (only(statement(settings, topology)).code) == "ledger_sum"


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize(
    ("claims", "code", "topic"),
    [
        ({"valid": 3, "dead": 0}, "output_missing", "validated_{}"),
        ({"valid": 1, "dead": 2}, "output_missing", "{}_dlq"),
    ],
)
def test_an_output_that_the_ledger_promised_and_nobody_wrote_is_named(
    settings: Settings,
    topology: Topology,
    outputs: Outputs,
    claims: dict[str, int],
    code: str,
    topic: str,
    loaded: bool,
) -> None:
    outputs.write([reading()], [dead(b"x", 1)])
    outputs.write([reading()] * 2, [dead(b"y", 3)], **claims)
    if loaded:
        load(settings)
    made = statement(settings, topology)
    named = {finding.code: finding for finding in made.findings}
    assert named[code].where == f"{topic.format(topology.stream)}/0"
    assert (named[code].count, made.unaccounted >= 1) == (1, True)


def test_a_record_that_no_validator_wrote_is_named(settings: Settings, topology: Topology, outputs: Outputs) -> None:
    outputs.write([reading()])
    send(settings, topology.validated, [{**reading(), "partition": 0}])
    found = only(statement(settings, topology))
    assert (found.code, found.where, found.count) == ("output_surplus", f"{topology.validated}/0", 1)


def test_missing_rows_are_named_with_table_partition_and_offsets(
    settings: Settings, topology: Topology, outputs: Outputs
) -> None:
    outputs.write([reading()] * 4, [dead(b"x", 4)])
    load(settings)
    tamper(settings, "DELETE FROM readings WHERE kafka_offset = 2")
    made = statement(settings, topology)
    found = only(made)
    assert (found.code, found.where) == ("rows_missing", "readings, partition 0, offsets 0 to 3")
    assert (found.count, made.unaccounted, made.loaded) == (1, 1, {"valid": 3, "dead": 1})


def test_doubled_and_missing_dead_letters_are_named(settings: Settings, topology: Topology, outputs: Outputs) -> None:
    outputs.write([], [dead(b"x", 0), dead(b"y", 1)])
    load(settings)
    tamper(settings, "INSERT INTO dead_letters SELECT * FROM dead_letters WHERE kafka_offset = 0")
    assert only(statement(settings, topology)).code == "rows_surplus"
    tamper(settings, "DELETE FROM dead_letters")
    found = only(statement(settings, topology))
    assert (found.code, found.count) == ("rows_missing", 2)


def test_a_doubled_row_does_not_hide_a_missing_one(settings: Settings, topology: Topology, outputs: Outputs) -> None:
    outputs.write([reading()] * 4)
    load(settings)
    tamper(settings, "UPDATE readings SET kafka_offset = 1 WHERE kafka_offset = 2")
    made = statement(settings, topology)
    assert [(finding.code, finding.count) for finding in made.findings] == [("rows_missing", 1), ("rows_surplus", 1)]
    assert made.unaccounted == 1


def remove_before(settings: Settings, topic: str, offset: int) -> None:
    admin = Clients(settings).admin()
    (future,) = admin.delete_records([TopicPartition(topic, 0, offset)]).values()
    future.result(20)


def test_what_retention_took_of_raw_is_taken_from_the_ledger(settings: Settings, topology: Topology) -> None:
    validated(settings, topology, [encoded(sensor_id=f"sensor-{number}") for number in range(60)])
    load(settings)
    for_all = Clients(settings).admin()
    ends = {record.partition: record.offset + 1 for record in read_all(settings, topology.raw)}
    asked = [TopicPartition(topology.raw, partition, end) for partition, end in ends.items()]
    for future in for_all.delete_records(asked).values():
        future.result(20)
    made = statement(settings, topology)
    assert made.balanced, made.findings
    assert (made.raw, made.valid) == (60, 60)


def test_what_went_before_it_was_validated_or_loaded_is_named(
    settings: Settings, topology: Topology, outputs: Outputs
) -> None:
    outputs.write([reading()] * 5)
    load(settings)
    outputs.write([reading()] * 5)
    remove_before(settings, topology.raw, 14)
    remove_before(settings, topology.validated, 9)
    made = statement(settings, topology)
    counts = {finding.code: finding.count for finding in made.findings}
    assert counts["raw_removed"] == 4  # offsets 10 to 13
    assert counts["removed_before_loading"] == 3  # 6 to 8: the marker at 5 is loaded
    assert counts["output_missing"] == 3


def test_a_running_stream_gives_no_false_findings(settings: Settings, topology: Topology, tmp_path: Path) -> None:
    stop = Stop()

    def validate() -> None:
        validator = Validator(settings, topology.stream, 0, SystemClock())
        validator.run(stop, Limit(Bounds(), SystemClock()), lambda: None)

    def produce() -> None:
        fleet = settings.fleet.model_copy(update={"stream": topology.stream, "rate": 800.0})
        run_fleet(settings.model_copy(update={"fleet": fleet}), stop=stop)

    log = tmp_path / "loader.log"
    with (
        running(settings, "load", log=log, IOT_WAREHOUSE__LOAD_INTERVAL_SECONDS="0.2"),
        in_threads(validate, produce, stop=stop),
    ):
        eventually(lambda: statement(settings, topology).loaded["valid"] > 100, what="traffic")
        for _ in range(10):
            made = statement(settings, topology)
            assert made.balanced, made.findings


class in_threads:  # noqa: N801 - reads as words
    """Functions in threads, stopped and joined at the end of the block; their errors are the test's."""

    def __init__(self, *functions: Callable[[], None], stop: Stop) -> None:
        self._stop = stop
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._guard, args=(function,)) for function in functions]

    def _guard(self, function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            self._errors.append(error)
            self._stop.request()

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.request()
        for thread in self._threads:
            thread.join(60)
        assert not self._errors, self._errors
