"""V3: what a deduplication window promises, of each store alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iot_platform.stream.dedup import DedupWindow, Position, Window, pack_ids, pack_pairs
from iot_platform.stream.rocks import RocksWindow

HOUR_MS = 3_600_000
WINDOW_MS = 72 * HOUR_MS
GRAIN_MS = WINDOW_MS // 12
START_MS = 1_800_000_000_000


@dataclass(frozen=True)
class Store:
    """How a kind of window is made; `outlives` says whether its content survives a close."""

    name: str
    make: Callable[[Path], Window]
    outlives: bool

    def __str__(self) -> str:
        return self.name


STORES = [
    Store("memory", lambda _: DedupWindow(WINDOW_MS), outlives=False),
    Store("memory in small runs", lambda _: DedupWindow(WINDOW_MS, recent_ids=4), outlives=False),
    Store("rocksdb", lambda directory: RocksWindow(directory, WINDOW_MS, "ledger"), outlives=True),
]
every_store = pytest.mark.parametrize("store", STORES, ids=str)


@pytest.fixture
def window(store: Store, tmp_path: Path) -> Iterator[Window]:
    made = store.make(tmp_path / "store")
    yield made
    made.close()


@contextmanager
def fresh(store: Store) -> Iterator[Window]:
    """For properties, whose examples share a fixture's directory."""
    with tempfile.TemporaryDirectory() as directory:
        made = store.make(Path(directory) / "store")
        try:
            yield made
        finally:
            made.close()


def an_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def is_known(window: Window, number: int) -> bool:
    return window.classify([an_id(number)], [1]) is not None


@every_store
def test_v3_an_id_is_new_then_a_duplicate_and_with_other_bytes_a_conflict(window: Window) -> None:
    ids = [an_id(1), an_id(2)]
    assert window.classify(ids, [7, 8]) is None
    assert window.classify(ids, [7, 8]) is None  # asking remembers nothing
    window.accept(ids, [7, 8], START_MS)
    assert window.classify([an_id(2), an_id(3), an_id(1)], [8, 9, 0]) == ["duplicate", "new", "conflict"]
    assert len(window) == 2


@every_store
def test_f24_an_id_twice_in_one_batch_is_new_the_first_time_only(window: Window) -> None:
    assert window.classify([an_id(1)] * 3, [7, 7, 8]) == ["new", "duplicate", "conflict"]


@every_store
def test_no_ids_are_all_new(window: Window) -> None:
    assert window.classify([], []) is None
    window.accept([], [], START_MS)
    assert len(window) == 0


@every_store
@pytest.mark.parametrize(
    ("age_ms", "known"),
    [
        (1_000, True),
        (HOUR_MS, True),
        (WINDOW_MS - 60_000, True),
        (WINDOW_MS, True),
        (WINDOW_MS + 2 * GRAIN_MS + 1, False),
    ],
)
def test_f23_a_repeat_is_known_through_the_whole_window_and_forgotten_two_twelfths_after_it(
    window: Window, age_ms: int, known: bool
) -> None:
    window.accept([an_id(1)], [1], START_MS)
    window.accept([an_id(2)], [1], START_MS + age_ms)
    assert is_known(window, 1) is known
    assert is_known(window, 2)


@every_store
def test_f39_time_that_goes_back_neither_empties_nor_shortens_the_window(window: Window) -> None:
    window.accept([an_id(1)], [1], START_MS)
    window.accept([an_id(2)], [1], START_MS - 10 * WINDOW_MS)
    assert window.stream_time_ms == START_MS
    window.accept([an_id(3)], [1], START_MS + WINDOW_MS)
    assert [is_known(window, number) for number in (1, 2, 3)] == [True, True, True]


@every_store
def test_v3_what_has_left_the_window_costs_nothing_any_more(window: Window) -> None:
    for hour in range(24 * 14):
        window.accept([an_id(hour * 10 + n) for n in range(10)], [1] * 10, START_MS + hour * HOUR_MS)
    assert 720 <= len(window) <= 720 * 14 // 12


@every_store
@settings(max_examples=20)  # each makes a store on disk
@given(data=st.data())
def test_v3_it_knows_what_a_dictionary_would_know(store: Store, data: st.DataObject) -> None:
    """Batches of few ids, so that many are repeats, over a time in which none leaves the window."""
    pairs = st.tuples(st.integers(0, 30), st.integers(0, 2))
    batches = data.draw(st.lists(st.lists(pairs, max_size=12), max_size=8))
    known: dict[bytes, int] = {}
    with fresh(store) as window:
        for step, batch in enumerate(batches):
            ids, prints = [an_id(number) for number, _ in batch], [print_ for _, print_ in batch]
            expected, new = [], {}
            for message_id, print_ in zip(ids, prints, strict=True):
                before = new.get(message_id, known.get(message_id))
                if before is None:
                    new[message_id] = print_
                expected.append("new" if before is None else "duplicate" if before == print_ else "conflict")
            found = window.classify(ids, prints)
            assert (found or ["new"] * len(ids)) == expected
            window.accept([*new], [*new.values()], START_MS + step * HOUR_MS)
            known |= new
        assert len(window) == len(known)


@every_store
@settings(max_examples=20)  # each makes a store on disk
@given(message_ids=st.lists(st.uuids(), unique=True, max_size=20), data=st.data())
def test_v3_a_ledger_entry_gives_back_the_ids_that_went_into_it(
    store: Store, message_ids: list[object], data: st.DataObject
) -> None:
    ids = pack_ids([str(message_id) for message_id in message_ids])
    prints = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=len(ids), max_size=len(ids)))
    with fresh(store) as window:
        window.accept_packed(pack_pairs(ids, prints), START_MS, Position(5, 9))
        assert window.classify(ids, prints) == (["duplicate"] * len(ids) or None)
        assert window.position == Position(5, 9)


@every_store
def test_clearing_forgets_ids_position_and_time(window: Window) -> None:
    window.accept([an_id(1)], [1], START_MS, Position(5, 9))
    window.clear()
    assert (len(window), window.position, window.stream_time_ms) == (0, None, 0)
    assert not is_known(window, 1)


@pytest.mark.parametrize("store", [store for store in STORES if store.outlives], ids=str)
def test_v3_a_store_on_disk_knows_after_a_close_what_it_knew_before(store: Store, tmp_path: Path) -> None:
    first = store.make(tmp_path / "store")
    for hour in range(100):
        first.accept([an_id(hour)], [1], START_MS + hour * HOUR_MS, Position(hour + 1, hour))
    first.close()
    second = store.make(tmp_path / "store")
    assert second.position == Position(100, 99)
    assert second.stream_time_ms == START_MS + 99 * HOUR_MS
    assert all(is_known(second, hour) for hour in range(27, 100))
    assert not is_known(second, 0)
    assert len(second) == sum(is_known(second, hour) for hour in range(100))
    second.close()
