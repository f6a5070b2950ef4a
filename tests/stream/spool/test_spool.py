"""The spool: durable, in order, bounded, honest about damage, and its books always add up."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from iot_platform import faultpoints
from iot_platform.errors import DamagedError
from iot_platform.faultpoints import InjectedFaultError
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import SourceAccount, Spool, SpoolFullError, SpoolTooOldError, read_accounts

LIMIT_BYTES = 10_000_000


def readings(number: int, size_bytes: int = 10, start: int = 0) -> list[Reading]:
    return [Reading(b"key", str(start + n).encode().ljust(size_bytes), 1_000 + n) for n in range(number)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "iot_data-fleet.sqlite"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        yield spool


def account(path: Path) -> SourceAccount:
    (only,) = read_accounts(path.parent, "iot_data")
    return only


def is_balanced(one: SourceAccount) -> bool:
    return one.born == one.acknowledged + one.spooled + one.refused + one.quarantined


def content(spool: Spool) -> list[bytes | None]:
    values, last = [], 0
    while batch := spool.after(last):
        values += [reading.value for reading in batch.readings]
        last = batch.id
    return values


def test_batches_come_back_in_order_with_keys_times_and_cursor(path: Path, spool: Spool) -> None:
    first = [Reading(None, b"", 1), Reading(b"k", None, 2)]
    spool.append(first, {"row": 1})
    spool.append(readings(3), {"row": 2})
    spool.close()
    with closing(Spool(path, LIMIT_BYTES)) as again:
        batch = again.after(0)
        assert batch is not None
        assert batch.readings == first
        following = again.after(batch.id)
        assert following is not None
        assert following.readings == readings(3)
        assert again.after(following.id) is None
        assert again.cursor == {"row": 2}


def test_a_commit_waits_for_the_disk(spool: Spool) -> None:
    assert spool._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert spool._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_acknowledged_rows_go_with_the_next_transaction_and_are_counted(path: Path, spool: Spool) -> None:
    first = spool.append(readings(5), {})
    spool.acknowledge(first, {0: 17, 2: 4})
    assert account(path).acknowledged == 0
    spool.append(readings(2), {})
    assert account(path).acknowledged == 5
    assert account(path).spooled == 2
    assert account(path).acknowledged_offsets == {0: 17, 2: 4}
    assert is_balanced(account(path))


def test_what_is_acknowledged_is_not_given_again_and_counts_once(path: Path, spool: Spool) -> None:
    first, second = spool.append(readings(2), {}), spool.append(readings(3), {})
    spool.acknowledge(first, {}, {"too_large": 1})
    batch = spool.after(0)
    assert batch is not None
    assert batch.id == second
    spool.settle()
    spool.acknowledge(first, {}, {"too_large": 1})
    spool.settle()
    assert (account(path).acknowledged, account(path).refused) == (1, 1)
    assert is_balanced(account(path))


def test_the_highest_offset_stays(path: Path, spool: Spool) -> None:
    for offset in (9, 12, 11):
        spool.acknowledge(spool.append(readings(1), {}), {0: offset})
        spool.settle()
    assert account(path).acknowledged_offsets == {0: 12}


def test_ids_are_never_used_twice(path: Path, spool: Spool) -> None:
    first = spool.append(readings(1), {})
    spool.acknowledge(first, {})
    spool.close()
    with closing(Spool(path, LIMIT_BYTES)) as again:
        assert again.append(readings(1), {}) > first


def test_a_full_spool_stores_nothing_and_takes_the_same_batch_when_there_is_room(path: Path) -> None:
    with closing(Spool(path, 5_000)) as spool:
        first = spool.append(readings(4, 1_000), {"row": 1})
        with pytest.raises(SpoolFullError, match="limit is 5000"):
            spool.append(readings(1, 1_000), {"row": 2})
        assert spool.cursor == {"row": 1}
        assert account(path).born == 4
        spool.acknowledge(first, {})
        spool.append(readings(1, 1_000), {"row": 2})
        assert account(path) == SourceAccount("fleet", 5, 4, 1, 0, 0, account(path).spooled_bytes, 1_000)


def test_a_spool_whose_oldest_has_waited_too_long_takes_no_more_until_that_is_delivered(path: Path) -> None:
    def at(seconds: int) -> list[Reading]:
        return [Reading(b"key", b"value", seconds * 1000)]

    with closing(Spool(path, LIMIT_BYTES, max_age_seconds=60)) as spool:
        first = spool.append(at(0), {"row": 1})
        spool.append(at(60), {"row": 2})
        with pytest.raises(SpoolTooOldError, match=r"has waited for 0\.0 h.*IOT_PRODUCER__SPOOL_MAX_AGE_HOURS") as full:
            spool.append(at(61), {"row": 3})
        assert full.value.reason == "spool_too_old"
        assert (spool.cursor, account(path).born) == ({"row": 2}, 2)
        spool.append((), {"row": 3}, {full.value.reason: 1})  # what a source that cannot wait has lost is counted
        assert account(path).refused_by_reason == {"spool_too_old": 1}
        spool.acknowledge(first, {})
        spool.append(at(62), {"row": 4})
        assert is_balanced(account(path))


def test_a_batch_larger_than_the_limit_passes_alone(path: Path) -> None:
    with closing(Spool(path, 5_000)) as spool:
        assert spool.append(readings(1, 9_000), {}) == 1


def test_refusals_are_born_and_counted_by_reason(path: Path, spool: Spool) -> None:
    spool.append(readings(2), {}, {"too_large": 1})
    spool.append((), {}, {"spool_full": 3})
    batch = spool.after(0)
    assert batch is not None
    spool.acknowledge(batch.id, {0: 1}, {"MSG_SIZE_TOO_LARGE": 1})
    spool.settle()
    one = account(path)
    assert (one.born, one.acknowledged, one.refused, one.spooled) == (6, 1, 5, 0)
    assert one.refused_by_reason == {"too_large": 1, "spool_full": 3, "MSG_SIZE_TOO_LARGE": 1}
    assert is_balanced(one)


def damage(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, values)
        connection.commit()


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def flipped(frames: bytes, bit: int) -> bytes:
    whole = bytearray(frames)
    whole[bit // 8] ^= 1 << bit % 8
    return bytes(whole)


@pytest.mark.parametrize("bit", [0, 37, 200, 431])
def test_a_flipped_bit_sets_its_batch_aside_and_the_rest_goes_on(path: Path, spool: Spool, bit: int) -> None:
    for start in (0, 2, 4):
        spool.append(readings(2, start=start), {})
    frames = query(path, "SELECT frames FROM batches WHERE id = 2")[0][0]
    assert isinstance(frames, bytes)
    damage(path, "UPDATE batches SET frames = ? WHERE id = 2", flipped(frames, bit))
    assert content(spool) == [reading.value for reading in readings(2) + readings(2, start=4)]
    assert account(path).quarantined == 2
    assert is_balanced(account(path))
    kept = query(path, "SELECT id, frames FROM quarantine")
    assert kept == [(2, flipped(frames, bit))]


@pytest.mark.parametrize("kept_bytes", [0, 1, 15, 16, 30])
def test_a_torn_row_sets_its_batch_aside(path: Path, spool: Spool, kept_bytes: int) -> None:
    spool.append(readings(2), {})
    spool.append(readings(1), {})
    damage(path, "UPDATE batches SET frames = substr(frames, 1, ?) WHERE id = 1", kept_bytes)
    assert len(content(spool)) == 1
    assert account(path).quarantined == 2


def test_a_row_that_somebody_deleted_breaks_the_sum(path: Path, spool: Spool) -> None:
    spool.append(readings(2), {})
    spool.append(readings(3), {})
    damage(path, "DELETE FROM batches WHERE id = 1")
    assert not is_balanced(account(path))


def test_a_file_that_is_no_database_is_told_and_kept(path: Path) -> None:
    path.write_bytes(b"not a database" * 1_000)
    with pytest.raises(DamagedError, match="damaged"):
        Spool(path, LIMIT_BYTES)
    assert path.read_bytes().startswith(b"not a database")


def test_accounts_are_read_while_a_producer_writes_and_when_none_ever_ran(tmp_path: Path) -> None:
    assert read_accounts(tmp_path / "none", "iot_data") == []
    with closing(Spool(tmp_path / "iot_data-a.sqlite", LIMIT_BYTES)) as one:
        one.append(readings(3), {})
        with (
            closing(Spool(tmp_path / "iot_data-b.sqlite", LIMIT_BYTES)),
            closing(Spool(tmp_path / "iot_data_2-c.sqlite", LIMIT_BYTES)),
        ):
            assert [(each.name, each.born) for each in read_accounts(tmp_path, "iot_data")] == [("a", 3), ("b", 0)]


def test_accounts_of_a_stopped_producer_can_be_read(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "iot_data-a.sqlite", LIMIT_BYTES)) as one:
        one.append(readings(3), {})
    assert read_accounts(tmp_path, "iot_data")[0].spooled == 3


actions = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 5)),
        st.tuples(st.just("acknowledge"), st.integers(0, 3)),
        st.tuples(st.just("refuse"), st.integers(1, 4)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=25,
)


@hypothesis_settings(max_examples=30, deadline=None)
@given(actions)
def test_the_books_add_up_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "iot_data-fleet.sqlite"
    spool, waiting = Spool(path, 600), []
    for step, number in steps:
        if step == "append":
            with suppress(SpoolFullError):
                waiting += [spool.append(readings(number), {})] * bool(number)
        elif step == "acknowledge":
            for batch_id in waiting[:number]:
                spool.acknowledge(batch_id, {0: batch_id})
            waiting = waiting[number:]
        elif step == "refuse":
            spool.append((), {}, {"spool_full": number})
        else:
            spool.close()
            spool = Spool(path, 600)
        one = account(path)
        assert is_balanced(one)
        assert (spool.depth().readings, spool.depth().bytes) == (one.spooled, one.spooled_bytes)
    spool.close()


WRITER = """
import sys
from pathlib import Path
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import Spool
spool, number = Spool(Path(sys.argv[1]), 10**9), 0
while True:
    spool.append([Reading(b"k", str(number + n).encode(), 0) for n in range(5)], {"next": number + 5})
    number += 5
    print(number, flush=True)
"""


def test_what_append_returned_from_survives_kill_9(path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(20):
        writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    told = [int(line) for line in writer.stdout.read().split()]
    writer.wait()
    writer.stdout.close()
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        values = [int(value or b"") for value in content(spool)]
        assert values == list(range(len(values)))
        assert len(values) >= max(told, default=100)
        assert spool.cursor == {"next": len(values)}
    assert is_balanced(account(path))


def test_a_failure_just_before_the_commit_stores_nothing_and_the_same_batch_is_taken_later(
    path: Path, spool: Spool
) -> None:
    faultpoints.arm("spool.before_commit:raise")
    try:
        with pytest.raises(InjectedFaultError):
            spool.append(readings(3), {"row": 1})
    finally:
        faultpoints.arm("")
    assert (account(path).born, content(spool), spool.cursor) == (0, [], None)
    spool.append(readings(3), {"row": 1})
    assert (account(path).born, account(path).spooled, spool.cursor) == (3, 3, {"row": 1})


FILLER = """
import resource, sys
from pathlib import Path
from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import Spool, SpoolFullError
path = Path(sys.argv[1])
spool, stored = Spool(path, 10**9), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
try:
    while True:
        spool.append([Reading(b"k", b"x" * 100_000, 0)], {"stored": stored + 1})
        stored += 1
except SpoolFullError as full:
    assert "cannot be written" in str(full), full
    assert spool.cursor == {"stored": stored}
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append([Reading(b"k", b"after", 0)], {"stored": stored + 1})
print(stored + 1)
"""


def test_a_full_disk_refuses_whole_batches_and_goes_on_when_there_is_room(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILLER, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert account(path).spooled == int(done.stdout)
    assert is_balanced(account(path))
