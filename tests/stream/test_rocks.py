"""F26, F27 of the store on disk by itself: what is damaged or not ours is never taken for whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from iot_platform.errors import DedupStoreError
from iot_platform.stream.dedup import Position
from iot_platform.stream.rocks import RocksWindow

HOUR_MS = 3_600_000
WINDOW_MS = 72 * HOUR_MS
START_MS = 1_800_000_000_000
IDS = [os.urandom(16) for _ in range(20_000)]


def filled(directory: Path) -> Path:
    """A closed store of 20,000 ids, in files."""
    window = RocksWindow(directory, WINDOW_MS, "ledger")
    window.accept(IDS, [1] * len(IDS), START_MS, Position(7, 9))
    window._store.flush()
    window.close()
    return directory


def tables(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.sst"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def assert_begins_empty(directory: Path) -> None:
    """It says that it holds nothing, so that the ledger is read from the window's beginning."""
    window = RocksWindow(directory, WINDOW_MS, "ledger")
    assert (len(window), window.position) == (0, None)
    window.accept(IDS[:1], [1], START_MS, Position(1, 1))
    assert window.classify(IDS[:1], [1]) == ["duplicate"]
    window.close()


def test_f26_a_deleted_store_says_that_it_holds_nothing(tmp_path: Path) -> None:
    shutil.rmtree(filled(tmp_path / "store"))
    assert_begins_empty(tmp_path / "store")


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.sst", "*"])
def test_f26_a_store_without_some_of_its_files_begins_empty(tmp_path: Path, pattern: str) -> None:
    directory = filled(tmp_path / "store")
    for path in directory.glob(pattern):
        path.unlink()
    assert_begins_empty(directory)


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*"])
def test_f26_a_store_whose_books_are_damaged_begins_empty(tmp_path: Path, pattern: str) -> None:
    directory = filled(tmp_path / "store")
    for path in directory.glob(pattern):
        path.write_bytes(b"nonsense")
    assert_begins_empty(directory)


def test_f26_a_flipped_bit_among_the_ids_is_found_when_they_are_asked_and_the_store_is_given_up(tmp_path: Path) -> None:
    directory = filled(tmp_path / "store")
    for path in tables(directory):
        flip(path)
    window = RocksWindow(directory, WINDOW_MS, "ledger")
    if window.position is not None:
        with pytest.raises(DedupStoreError, match="Corruption"):
            window.classify(IDS, [1] * len(IDS))
    window.close()
    assert_begins_empty(directory)


def test_a_store_kept_for_another_window_begins_empty(tmp_path: Path) -> None:
    directory = filled(tmp_path / "store")
    window = RocksWindow(directory, 2 * WINDOW_MS, "ledger")
    assert (len(window), window.position) == (0, None)
    window.close()


def test_f26_a_store_of_another_ledger_begins_empty(tmp_path: Path) -> None:
    directory = filled(tmp_path / "store")
    window = RocksWindow(directory, WINDOW_MS, "another")
    assert (len(window), window.position) == (0, None)
    window.close()


def test_a_store_that_another_holds_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    directory = filled(tmp_path / "store")
    owner = RocksWindow(directory, WINDOW_MS, "ledger")
    with pytest.raises(DedupStoreError, match="held by another process"):
        RocksWindow(directory, WINDOW_MS, "ledger")
    assert owner.classify(IDS[:2], [1, 1]) == ["duplicate", "duplicate"]
    owner.close()


def test_f27_a_kill_leaves_ids_and_position_that_agree(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from iot_platform.stream.dedup import Position\n"
        "from iot_platform.stream.rocks import RocksWindow\n"
        "window, start = RocksWindow(Path(sys.argv[1]), int(sys.argv[2]), 'ledger'), int(sys.argv[3])\n"
        "for number in range(1000):\n"
        "    window.accept([number.to_bytes(16, 'big')], [1], start + number, Position(number + 1, number))\n"
        "    if number == 700: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    directory = tmp_path / "store"
    killed = subprocess.run([sys.executable, "-c", code, directory, str(WINDOW_MS), str(START_MS)], check=False)
    assert killed.returncode == -signal.SIGKILL
    window = RocksWindow(directory, WINDOW_MS, "ledger")
    assert window.position == Position(701, 700)
    assert len(window) == 701
    assert window.classify([(700).to_bytes(16, "big"), (701).to_bytes(16, "big")], [1, 1]) == ["duplicate", "new"]
    window.close()
