"""F32 to F37: the loader is killed, its file held, damaged and full, and the topics taken from under it."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from iot_platform.clock import SystemClock
from iot_platform.errors import DamagedError, OffsetsLostError
from iot_platform.pipeline.audit import audit
from iot_platform.stream.clients import Clients
from iot_platform.stream.topics import ensure_topics
from iot_platform.warehouse.connection import open_warehouse
from tests.faults.conftest import Case
from tests.faults.scene import KILLED, Scene
from tests.support.held_file import held
from tests.support.processes import has_stopped
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

POINTS = ("before_begin", "after_begin", "after_rows", "after_offsets", "after_commit")
SMALL = {"IOT_WAREHOUSE__BATCH_ROWS": "20"}
BUSY = {"IOT_WAREHOUSE__LOAD_INTERVAL_SECONDS": "0.2", "IOT_WAREHOUSE__BUSY_TIMEOUT_SECONDS": "0.2"}


def log_of(scene: Scene) -> Path:
    """DuckDB's write-ahead log."""
    return scene.settings.warehouse_path.with_name(f"{scene.settings.warehouse_path.name}.wal")


def rows(scene: Scene) -> int:
    with open_warehouse(scene.settings, read_only=True) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM readings").fetchall()
    return int(count)


def heartbeat(scene: Scene) -> dict[str, Any]:
    path = scene.settings.heartbeat_dir / "loader.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return document


def test_f32_a_kill_at_any_step_of_a_load_loses_and_doubles_nothing(scene: Scene, case: Case) -> None:
    scene.send(2_000)
    scene.validate()
    for point in POINTS:
        scene.dies("load", "--until-caught-up", IOT_FAULTPOINT=f"loader.{point}:kill:3", **SMALL)
    with scene.process("load", "--until-caught-up", **{**SMALL, "IOT_WAREHOUSE__BATCH_ROWS": "5"}) as process:
        size = log_of(scene).stat().st_size
        eventually(lambda: log_of(scene).stat().st_size > size, 60, "a commit that is being written")
        process.kill()
        assert process.wait(30) == KILLED
    for _ in range(len(POINTS)):
        case.note()
    case.holds(scene)


@pytest.mark.parametrize("asleep", [False, True], ids=["awake", "asleep"])
def test_f33_a_held_file_is_waited_for_its_holder_told_and_nothing_skipped(
    scene: Scene, case: Case, asleep: bool
) -> None:
    scene.send(200)
    scene.settle()
    before = rows(scene)
    scene.send(200)
    scene.validate()
    with held(scene.settings.warehouse_path) as holder, scene.process("load", **BUSY) as loader:
        if asleep:
            os.kill(holder.pid, signal.SIGSTOP)
        eventually(lambda: f"process {holder.pid}" in heartbeat(scene).get("last_error", ""), 60, "the holder's name")
        holder.kill()
        eventually(lambda: heartbeat(scene)["readings"] > 0, 60, "a load")
        assert loader.poll() is None
    assert rows(scene) > before
    case.holds(scene)


@dataclass(frozen=True)
class Files:
    """The warehouse's file and log as they were, to be damaged again and again."""

    file: bytes
    log: bytes
    log_before_the_last: int
    """Size of the log before the last load."""

    def put_back(self, scene: Scene) -> None:
        scene.settings.warehouse_path.write_bytes(self.file)
        log_of(scene).write_bytes(self.log)


@pytest.fixture
def files(scene: Scene) -> Files:
    """Of a scene that was loaded twice; the first load is in the file, the second in the log."""
    scene.send(200)
    scene.settle()
    with open_warehouse(scene.settings) as connection:
        connection.execute("CHECKPOINT")
    scene.send(60)
    scene.settle()
    before = log_of(scene).stat().st_size
    scene.send(60)
    scene.settle()
    return Files(scene.settings.warehouse_path.read_bytes(), log_of(scene).read_bytes(), before)


def test_f34_a_log_cut_in_its_last_load_or_with_garbage_behind_it_costs_no_reading(
    scene: Scene, files: Files, case: Case
) -> None:
    middle = (files.log_before_the_last + len(files.log)) // 2
    for log in (files.log[:middle], files.log[:-1], files.log + b"\xde\xad\xbe\xef" * 100):
        files.put_back(scene)
        log_of(scene).write_bytes(log)
        case.holds(scene)


def _flip_in_the_log(path: Path, log: Path) -> None:
    whole = log.read_bytes()
    at = len(whole) // 2
    log.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])


def _halve(path: Path, log: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _zero_the_header(path: Path, log: Path) -> None:
    path.write_bytes(bytes(8_192) + path.read_bytes()[8_192:])


DAMAGES: tuple[Callable[[Path, Path], None], ...] = (_flip_in_the_log, _halve, _zero_the_header)


def test_f35_a_damaged_file_is_refused_set_aside_and_filled_again_from_kafka(
    scene: Scene, files: Files, case: Case
) -> None:
    path = scene.settings.warehouse_path
    for damage in DAMAGES:
        files.put_back(scene)
        damage(path, log_of(scene))
        with pytest.raises(DamagedError, match="refuses the warehouse"):
            scene.load()
        path.rename(path.with_suffix(".damaged"))
        log_of(scene).unlink(missing_ok=True)
        case.holds(scene)


def test_f35_a_deleted_log_takes_rows_and_offsets_together(scene: Scene, files: Files, case: Case) -> None:
    files.put_back(scene)
    log_of(scene).unlink()
    assert rows(scene) < len(scene.evidence().validated)
    case.holds(scene)


def test_f36_a_disk_that_is_full_inside_a_commit_costs_no_reading(scene: Scene, case: Case) -> None:
    scene.send(200)
    scene.settle()
    before = rows(scene)
    scene.send(400)
    scene.validate()
    limit = (log_of(scene).stat().st_size + 1_000, resource.RLIM_INFINITY)
    with scene.process("load", **BUSY, **SMALL) as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limit)
        eventually(
            lambda: process.poll() is not None or heartbeat(scene).get("failures", 0) > 0, 60, "a load that failed"
        )
    assert process.returncode != 0
    assert before <= rows(scene) < len(scene.evidence().validated)
    case.holds(scene)


def test_f37_records_that_are_gone_before_they_were_loaded_stop_the_loader_and_are_told(
    scene: Scene, case: Case
) -> None:
    scene.send(300)
    scene.settle()
    loaded = rows(scene)
    scene.send(300)
    scene.validate()
    admin, topic = Clients(scene.settings).admin(), scene.topology.validated
    ends = {partition: span.end for (name, partition), span in scene.spans(topic).items()}
    gone = [TopicPartition(topic, partition, end) for partition, end in ends.items()]
    for future in admin.delete_records(gone).values():
        future.result(30)
    with pytest.raises(OffsetsLostError, match="removed by retention before they were read"):
        scene.load()
    statement = audit(scene.settings, scene.stream, SystemClock())
    assert "removed_before_loading" in {finding.code for finding in statement.findings}
    assert rows(scene) == loaded
    case.note()


def test_f37_a_topic_made_anew_stops_the_loader_loudly(scene: Scene, case: Case) -> None:
    scene.send(200)
    scene.settle()
    loaded = rows(scene)
    admin, topic = Clients(scene.settings).admin(), scene.topology.validated
    admin.delete_topics([topic])[topic].result(30)
    eventually(lambda: topic not in admin.list_topics(timeout=5).topics, 60, "the deletion")
    ensure_topics(Clients(scene.settings), scene.settings, scene.stream)
    with pytest.raises(OffsetsLostError, match="made anew"):
        scene.load()
    assert rows(scene) == loaded
    case.note()


def test_f37_raw_records_that_are_gone_before_they_were_validated_stop_the_validator_loudly(
    scene: Scene, case: Case
) -> None:
    """It sleeps while retention takes what it was to read next."""
    scene.send(200)
    fault = {"IOT_FAULTPOINT": "validator.before_begin:stop:2", "IOT_VALIDATOR__BATCH_MAX": "50"}
    with scene.process(*scene.validator(), **fault) as validator:
        eventually(lambda: has_stopped(validator), 90, "a validator that sleeps")
        scene.send(300)
        admin, topic = Clients(scene.settings).admin(), scene.topology.raw
        gone = [TopicPartition(topic, at, span.end - 10) for (_, at), span in scene.spans(topic).items()]
        for future in admin.delete_records(gone).values():
            future.result(30)
        os.kill(validator.pid, signal.SIGCONT)
        assert validator.wait(90) != 0
    assert "raw records were removed by retention" in scene.log.read_text().replace("\n", " ")
    statement = audit(scene.settings, scene.stream, SystemClock())
    assert "raw_removed" in {finding.code for finding in statement.findings}
    case.note()
