"""F4, F6: the spool's file is torn, and its disk is full."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import Spool
from tests.faults.conftest import Case
from tests.faults.producing import account, heartbeat
from tests.faults.scene import Scene
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

FRAME_HEADER_BYTES = 24
"""SQLite's, before each page of its log."""


def test_f4_a_record_torn_at_any_byte_costs_itself_alone(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "iot_data-torn.sqlite"
    batches = [[Reading(b"k", b"%d" % (10 * number + one), 1) for one in range(10)] for number in range(3)]
    with closing(Spool(path, 10**9)) as spool:
        log = path.with_name(f"{path.name}-wal")
        for batch in batches:
            before = log.stat().st_size
            spool.append(batch, {})
        whole = log.read_bytes()
        shutil.copy(path, tmp_path / "at_rest")
    frames = [at for at in range(before, len(whole)) if whole[at : at + 4] != b"" and _begins_a_frame(at, whole)]
    cuts = {at + byte for at in frames for byte in range(FRAME_HEADER_BYTES)} | set(range(before, len(whole), 4_999))
    for cut in sorted(cuts - {len(whole)}):
        shutil.copy(tmp_path / "at_rest", path)
        log.write_bytes(whole[:cut])
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        with closing(Spool(path, 10**9)) as spool:
            spool.append(batches[2], {})
            assert [list(batch.readings) for batch in _content(spool)] == batches, f"cut at {cut}"
    case.note()


def _begins_a_frame(at: int, whole: bytes) -> bool:
    page_bytes = int.from_bytes(whole[8:12], "big")
    return (at - 32) % (page_bytes + FRAME_HEADER_BYTES) == 0


def _content(spool: Spool) -> Iterator[Any]:
    last = 0
    while batch := spool.after(last):
        last = batch.id
        yield batch


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file of the processes that are started meanwhile grows beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def free_the_disk(process: Popen[bytes]) -> None:
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def is_full(scene: Scene, process: Popen[bytes]) -> bool:
    beat = heartbeat(scene)
    return bool(beat.get("pid") == process.pid and beat.get("spool_full"))


def test_f6_a_full_disk_refuses_whole_batches_and_the_producer_goes_on_when_it_is_freed(
    scene: Scene, case: Case
) -> None:
    command, environment = scene.producer(IOT_FLEET__RATE="500")
    with scene.process(*command, **environment) as process:
        eventually(lambda: account(scene).acknowledged > 100, 60, "some deliveries")
        log = next(scene.settings.spool_dir.glob("*-wal"))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY))
        eventually(lambda: heartbeat(scene).get("spool_full", False), 60, "a full disk, told")
        free_the_disk(process)
        before = account(scene).acknowledged
        eventually(lambda: account(scene).acknowledged > before + 100, 60, "deliveries again")
        process.terminate()
        assert process.wait(60) == 0
    # Full from the start: of small batches, the log of the spool (in pages of 32 kB) grows faster than the list.
    small = {**environment, "IOT_PRODUCER__BATCH_READINGS": "20"}
    with files_of_at_most(scene.sent_list.stat().st_size + 100_000):
        running = scene.process(*command, **small)
        process = running.__enter__()
    try:
        eventually(lambda: is_full(scene, process), 60, "a full disk, told at the start")
        before = account(scene).born
        free_the_disk(process)
        eventually(lambda: account(scene).born > before + 100, 60, "births again")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        running.__exit__(None, None, None)
    scene.send(50, scene.with_settings(fleet=scene.settings.fleet.model_copy(update={"rate": 500.0})))
    case.holds(scene)
