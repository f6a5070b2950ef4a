"""The reader's copy: asked while it is written, without an error; by name or in SQL."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.errors import UnavailableError, UsageError
from iot_platform.pipeline.load import load_once
from iot_platform.pipeline.publish import Publisher
from iot_platform.pipeline.query import example_queries, run_query
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from tests.support.outputs import Outputs, dead, reading
from tests.support.processes import running

pytestmark = pytest.mark.kafka


@pytest.fixture
def outputs(settings: Settings, stream_name: str) -> Outputs:
    ensure_topics(Clients(settings), settings, stream_name)
    return Outputs(settings, Topology(stream_name).stream)


@pytest.fixture
def filled(settings: Settings, outputs: Outputs) -> Settings:
    outputs.write(
        [reading(), reading("sensor-2", location=None, battery_level=None)],
        [dead(None, 0), dead(b"", 1), dead(b"\xff\x00", 2, None)],
    )
    load_once(settings, Clients(settings), SystemClock())
    Publisher(settings, SystemClock()).publish()
    return settings


def test_before_the_first_publication_it_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(UnavailableError, match="no reader's copy"):
        run_query(settings, "SELECT 1", 10)


def test_rows_come_up_to_the_limit_and_with_parameters(filled: Settings) -> None:
    every = run_query(filled, "SELECT sensor_id FROM readings ORDER BY 1", 10)
    assert (every.columns, every.rows, every.truncated) == (["sensor_id"], [("sensor-1",), ("sensor-2",)], False)
    first = run_query(filled, "SELECT sensor_id FROM readings ORDER BY 1", 1)
    assert (first.rows, first.truncated) == ([("sensor-1",)], True)
    named = run_query(filled, "SELECT count(*) FROM readings WHERE sensor_id = $sensor", 1, {"sensor": "sensor-2"})
    assert named.rows == [(1,)]


def test_null_and_empty_bytes_stay_apart_in_the_copy(filled: Settings) -> None:
    rows = run_query(filled, "SELECT key, value FROM dead_letters ORDER BY source_offset", 10).rows
    assert rows == [(b"sensor-1", None), (b"sensor-1", b""), (None, b"\xff\x00")]


@pytest.mark.parametrize("name", sorted(example_queries()))
def test_every_example_runs_and_says_what_it_answers(filled: Settings, name: str) -> None:
    sql = example_queries()[name]
    assert sql.startswith("-- ")
    assert run_query(filled, sql, 100).columns


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT nothing FROM readings", "DROP VIEW readings", "INSERT INTO ledger BY NAME SELECT 1 AS x"]
)
def test_what_duckdb_does_not_take_is_told_in_its_words(filled: Settings, sql: str) -> None:
    with pytest.raises(UsageError, match="DuckDB does not take this"):
        run_query(filled, sql, 10)
    assert run_query(filled, "SELECT count(*) FROM readings", 1).rows == [(2,)]


def test_readers_get_no_error_and_never_fewer_rows_while_a_loader_loads_and_publishes(
    filled: Settings, outputs: Outputs, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            outputs.write([reading(f"sensor-{number}") for number in range(20)], [dead(b"x", 9)])

    writer = threading.Thread(target=write)
    writer.start()
    counts: list[int] = []
    often = {"IOT_WAREHOUSE__LOAD_INTERVAL_SECONDS": "0.05", "IOT_WAREHOUSE__PUBLISH_INTERVAL_SECONDS": "0.05"}
    try:
        with running(filled, "load", log=tmp_path / "loader.log", **often):
            while len(set(counts)) < 25:  # 25 publications: segments are merged three times on the way
                ((rows,),) = run_query(filled, "SELECT count(*) FROM readings", 1).rows
                run_query(filled, example_queries()["worst_sensors"], 5)
                counts.append(rows)
    finally:
        stop.set()
        writer.join(30)
    assert counts == sorted(counts)
    assert counts[0] >= 2
