"""A spool knows of each batch from which split of its fleet it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from iot_platform.stream.sources.base import Reading
from iot_platform.stream.spool import Spool, lowest_waiting, newest_generation

LIMIT_BYTES = 1_000_000
ONE = [Reading(b"k", b"v", 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "iot_data-fleet.sqlite"


def generations(spool: Spool) -> list[int]:
    found, last = [], 0
    while batch := spool.after(last):
        found.append(batch.generation)
        last = batch.id
    return found


def test_batches_are_of_the_split_they_were_stored_in_also_after_a_restart(path: Path) -> None:
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        spool.append(ONE, {})
        spool.begin_generation(2)
        spool.append(ONE, {})
        spool.append(ONE, {})
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        spool.begin_generation(2)
        spool.append(ONE, {})
        spool.begin_generation(3)
        spool.begin_generation(5)
        spool.append(ONE, {})
        assert generations(spool) == [0, 2, 2, 2, 5]
        assert spool.generation == newest_generation(path) == 5


def test_the_oldest_that_waits_counts_and_an_empty_spool_has_none(path: Path) -> None:
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        spool.begin_generation(1)
        assert lowest_waiting(path) is None
        old = spool.append(ONE, {})
        spool.begin_generation(4)
        new = spool.append(ONE, {})
        assert lowest_waiting(path) == 1
        for batch_id, then in ((old, 4), (new, None)):
            spool.acknowledge(batch_id, {})
            spool.settle()
            assert lowest_waiting(path) == then


def test_an_older_split_is_never_begun_again(path: Path) -> None:
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        spool.begin_generation(3)
        spool.begin_generation(2)
        assert spool.generation == 3


def test_a_spool_from_before_there_were_splits_is_the_oldest(path: Path) -> None:
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        spool.append(ONE, {})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE generations")
    assert (lowest_waiting(path), newest_generation(path)) == (0, 0)
    with closing(Spool(path, LIMIT_BYTES)) as spool:
        spool.begin_generation(1)
        spool.append(ONE, {})
        assert generations(spool) == [0, 1]


def test_a_file_that_cannot_be_read_holds_nobody_back(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    assert (lowest_waiting(path), newest_generation(path)) == (None, 0)
