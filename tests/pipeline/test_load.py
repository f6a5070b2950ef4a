"""The loader on a real broker and a real DuckDB: rows and offsets together, whatever happens in between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.pipeline.load import LoadResult, load_once
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.warehouse.connection import open_warehouse
from tests.support.pipeline import validated
from tests.support.readings import document, encoded
from tests.support.topics import read_all, send

pytestmark = pytest.mark.kafka


def load(settings: Settings) -> LoadResult:
    return load_once(settings, Clients(settings), SystemClock())


def query(settings: Settings, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    with open_warehouse(settings, read_only=True) as connection:
        return connection.execute(sql, list(arguments)).fetchall()


def test_a_reading_arrives_with_every_field_in_its_column(settings: Settings, topology: Topology) -> None:
    message_id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    text = "naïve\u0000 ☃"
    validated(
        settings,
        topology,
        [
            encoded(
                message_id=message_id,
                value=-1.5,
                location=text,
                calibrated=True,
                firmware={"v": 1.0},
                battery_level=None,
            )
        ],
    )
    assert load(settings).readings == 1
    (row,) = query(settings, "SELECT * EXCLUDE (generated_at, accepted_at, load_id, loaded_at) FROM readings")
    sent = (
        topology.stream,
        message_id,
        "sensor-1",
        "temperature",
        -1.5,
        "Cel",
        text,
        False,
        None,
        -60.0,
    )
    assert tuple(str(cell) if position == 1 else cell for position, cell in enumerate(row[:10])) == sent
    assert row[10] == 1
    assert json.loads(row[11]) == {"calibrated": True, "firmware": {"v": 1.0}}
    assert row[12] is None
    (kept,) = read_all(settings, topology.validated)
    assert row[13:15] == (kept.partition, kept.offset)
    times = "SELECT epoch_us(generated_at), epoch_ms(accepted_at) FROM readings"
    ((_, accepted_ms),) = query(settings, times)
    assert accepted_ms == kept.timestamp_ms


def test_numbers_in_odd_spelling_and_repaired_fields_are_loaded(settings: Settings, topology: Topology) -> None:
    odd = json.dumps({**document(), "schema_version": 1.0}).encode()
    without = document()
    del without["unit"]
    validated(settings, topology, [odd, json.dumps(without).encode()])
    load(settings)
    rows = query(settings, "SELECT schema_version, unit, repaired FROM readings ORDER BY repaired NULLS FIRST")
    assert rows == [(1, "Cel", None), (1, "Cel", ["unit"])]


def test_a_missing_location_is_filled_with_the_last_known_one_and_flagged(
    settings: Settings, topology: Topology
) -> None:
    validated(settings, topology, [encoded(location=None), encoded(location="roof"), encoded(location=None)])
    load(settings)
    validated(settings, topology, [encoded(location=None), encoded(sensor_id="other", location=None)])
    load(settings)
    rows = query(settings, "SELECT sensor_id, location, location_filled FROM readings ORDER BY load_id, kafka_offset")
    assert rows[:3] == [("sensor-1", None, True), ("sensor-1", "roof", False), ("sensor-1", "roof", True)]
    assert sorted(rows[3:], key=str) == [("other", None, True), ("sensor-1", "roof", True)]


def test_dead_letters_arrive_with_bytes_reasons_and_origin(settings: Settings, topology: Topology) -> None:
    send(
        settings,
        topology.raw,
        [
            {"value": None, "key": b"sensor-1", "headers": [("trace", b"\xff"), ("none", None)]},
            {"value": b"", "key": None},
            {"value": b"\xff\x00", "key": b"\xfe"},
        ],
    )
    validated(settings, topology, [])
    assert load(settings).dead_letters == 3
    rows = query(
        settings,
        "SELECT value, key, sensor_id, codes, reasons ->> '$[0].detail', headers::VARCHAR, attempts FROM dead_letters "
        "ORDER BY value NULLS FIRST",
    )
    assert [row[:4] for row in rows] == [
        (None, b"sensor-1", "sensor-1", ["empty"]),
        (b"", None, None, ["empty"]),
        (b"\xff\x00", b"\xfe", None, ["not_utf8"]),
    ]
    assert json.loads(rows[0][5]) == [["trace", "/w=="], ["none", None]]
    assert "tombstone" in rows[0][4]
    assert "zero bytes" in rows[1][4]
    origin = query(settings, "SELECT source_topic, source_partition, source_offset FROM dead_letters")
    sources = {(topology.raw, kept.partition, kept.offset) for kept in read_all(settings, topology.raw)}
    assert set(origin) == sources


def test_loading_again_adds_nothing_and_goes_on_where_it_was(settings: Settings, topology: Topology) -> None:
    validated(settings, topology, [encoded() for _ in range(10)])
    assert load(settings).readings == 10
    assert load(settings).records == 0
    validated(settings, topology, [encoded() for _ in range(5)])
    assert load(settings).readings == 5
    assert query(settings, "SELECT count(*), count(DISTINCT message_id) FROM readings") == [(15, 15)]


def test_i6_aborted_records_are_never_loaded(settings: Settings, topology: Topology) -> None:
    producer = Clients(settings).producer({"transactional.id": f"{topology.stream}-canary"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition in range(3):
        producer.produce(topology.validated, value=b"canary", key=b"x", partition=partition)
    producer.flush(10)
    producer.abort_transaction(30)
    validated(settings, topology, [encoded() for _ in range(6)])
    assert load(settings).readings == 6
    assert load(settings).remaining == 0


def test_without_its_topics_the_loader_names_the_command_that_makes_them(settings: Settings) -> None:
    with pytest.raises(KafkaUnavailableError, match=r"iot-platform (topics create|up)"):
        load(settings)


def test_the_ledger_is_kept_in_few_rows_that_add_up(settings: Settings, topology: Topology) -> None:
    for _ in range(3):
        validated(settings, topology, [encoded() for _ in range(4)] + [b"bad"])
        load(settings)
    rows = query(
        settings,
        "SELECT count(*), sum(valid)::INT, sum(dead)::INT, sum(last_offset - first_offset + 1)::INT FROM ledger",
    )
    assert rows[0][1:] == (12, 3, 15)
    assert rows[0][0] <= 2 * 3  # by partition, and an hour may have turned
