"""Deduplication of one partition: which message ids were accepted within a window of stream time.

Accepted ids go into a small dictionary first; when that is full it becomes a sorted run of numpy arrays, and runs of
like size are merged, as in a log-structured merge tree. A run costs 24 bytes an id and 2 to 4 bytes for its filter,
against about 150 in a set. The filter (one bit an id, by hash) only ever saves a search: a hit is always
confirmed by all 16 bytes. A run is dropped as a whole once its newest id has left the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from iot_platform.contract.ledger import FINGERPRINT_BYTES, ID_BYTES, PAIR_BYTES

U64 = npt.NDArray[np.uint64]

_PAIR = np.dtype([("high", ">u8"), ("low", ">u8"), ("fingerprint", ">u8")])
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads ids that differ in few bits
_FILTER_BITS_PER_ID: Final = 16
_RECENT_IDS: Final = 65_536
_MERGED_SPAN_SHARE: Final = 12  # no run spans more than a twelfth of the window, so that expiry stays granular

Known = Literal["new", "duplicate", "conflict"]


@dataclass(frozen=True)
class Position:
    """How much of the ledger a store holds: all before offset `ledger_next`, raw offsets up to `covered_to`."""

    ledger_next: int
    covered_to: int


class Window(Protocol):
    """The accepted ids of one partition within a window of stream time. Two stores keep this: here and in rocks.py.

    An id is known for the whole window, and forgotten at the latest a twelfth of the window after.
    """

    stream_time_ms: int

    def __len__(self) -> int: ...

    @property
    def size_bytes(self) -> int:
        """Bytes of memory."""

    @property
    def position(self) -> Position | None:
        """What it held when it was opened, or has remembered since; None for a store that begins empty."""

    def classify(self, ids: Sequence[bytes], fingerprints: Sequence[int]) -> list[Known] | None:
        """What each id is, in order, or None when all are new. Nothing is remembered: see `accept`.

        An id that stands twice in the argument is new the first time only.
        """

    def accept(
        self, ids: Sequence[bytes], fingerprints: Sequence[int], stream_time_ms: int, position: Position | None = None
    ) -> None:
        """Remember ids whose transaction is committed. `stream_time_ms` never moves the window back.

        `position` is kept with them, in the same step; None leaves it where it was.
        """

    def accept_packed(self, pairs: bytes, stream_time_ms: int, position: Position) -> None:
        """Remember the `ids` of a ledger entry (ID_BYTES and FINGERPRINT_BYTES each, big endian)."""

    def clear(self) -> None:
        """Forget everything, the position too."""

    def close(self) -> None:
        """Use it no more."""


def verdicts(
    ids: Sequence[bytes], fingerprints: Sequence[int], known: Callable[[int, bytes], int | None]
) -> list[Known]:
    """What each id is; `known` gives the fingerprint with which the id at a place was accepted before."""
    here: dict[bytes, int] = {}
    found: list[Known] = []
    for place, (message_id, fingerprint) in enumerate(zip(ids, fingerprints, strict=True)):
        before = here.get(message_id)
        if before is None:
            before = known(place, message_id)
        if before is None:
            here[message_id] = fingerprint
            found.append("new")
        else:
            found.append("duplicate" if before == fingerprint else "conflict")
    return found


def unpack_pairs(pairs: bytes) -> tuple[list[bytes], list[int]]:
    """Ids and fingerprints of a ledger entry."""
    columns = np.frombuffer(pairs, dtype=_PAIR)
    ids = [pairs[start : start + ID_BYTES] for start in range(0, len(pairs), PAIR_BYTES)]
    return ids, columns["fingerprint"].tolist()


def pack_ids(message_ids: Sequence[str]) -> list[bytes]:
    """The 16 bytes of each UUID (lower case with hyphens)."""
    packed = bytes.fromhex("".join(message_ids).replace("-", ""))
    return [packed[start : start + ID_BYTES] for start in range(0, len(packed), ID_BYTES)]


@dataclass(frozen=True)
class _Run:
    """Ids sorted by hash. `oldest_ms` and `newest_ms` are stream time."""

    hashes: U64
    highs: U64
    fingerprints: U64
    filter: npt.NDArray[np.uint8]
    shift: np.uint64
    oldest_ms: int
    newest_ms: int

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def size_bytes(self) -> int:
        return self.hashes.nbytes + self.highs.nbytes + self.fingerprints.nbytes + self.filter.nbytes

    def find(self, hashes: U64, highs: U64) -> dict[int, int]:
        """Place in the arguments -> fingerprint, for each id that this run holds."""
        bits = hashes >> self.shift
        maybe = np.flatnonzero(
            self.filter[bits >> np.uint64(3)] & (np.uint8(1) << (bits & np.uint64(7)).astype(np.uint8))
        )
        found: dict[int, int] = {}
        positions = np.searchsorted(self.hashes, hashes[maybe])
        for place, position in zip(maybe.tolist(), positions.tolist(), strict=True):
            # Different ids may share a hash: walk the run of equal ones.
            while position < len(self.hashes) and self.hashes[position] == hashes[place]:
                if self.highs[position] == highs[place]:
                    found[place] = int(self.fingerprints[position])
                    break
                position += 1  # noqa: PLW2901 - the walk
        return found


def _make_run(hashes: U64, highs: U64, fingerprints: U64, oldest_ms: int, newest_ms: int) -> _Run:
    order = np.argsort(hashes, kind="stable")
    hashes, highs, fingerprints = hashes[order], highs[order], fingerprints[order]
    bits_log2 = max(6, int(len(hashes) * _FILTER_BITS_PER_ID - 1).bit_length())
    shift = np.uint64(64 - bits_log2)
    flags = np.zeros(1 << bits_log2, dtype=np.bool_)
    flags[hashes >> shift] = True
    bitmap = np.packbits(flags, bitorder="little")
    return _Run(hashes, highs, fingerprints, bitmap, shift, oldest_ms, newest_ms)


def _merge(first: _Run, second: _Run) -> _Run:
    return _make_run(
        np.concatenate([first.hashes, second.hashes]),
        np.concatenate([first.highs, second.highs]),
        np.concatenate([first.fingerprints, second.fingerprints]),
        min(first.oldest_ms, second.oldest_ms),
        max(first.newest_ms, second.newest_ms),
    )


def _hash(highs: U64, lows: U64) -> U64:
    """Reversible for a given high half, so hash and high half together are the whole id."""
    mixed: U64 = (lows ^ (highs * _MIX)) * _MIX
    return mixed


class DedupWindow:
    """A `Window` in memory: it begins empty, and is filled from the ledger."""

    def __init__(self, window_ms: int, *, recent_ids: int = _RECENT_IDS) -> None:
        self._window_ms = window_ms
        self._recent_limit = recent_ids
        self._recent: dict[bytes, int] = {}
        self._recent_oldest_ms = 0
        self._runs: list[_Run] = []
        self._position: Position | None = None
        self.stream_time_ms = 0

    def __len__(self) -> int:
        return len(self._recent) + sum(map(len, self._runs))

    @property
    def size_bytes(self) -> int:
        """Bytes held by the runs; the dictionary of recent ids comes on top, about 170 bytes an id."""
        return sum(run.size_bytes for run in self._runs)

    def classify(self, ids: Sequence[bytes], fingerprints: Sequence[int]) -> list[Known] | None:
        if not ids:
            return None
        old = self._find_in_runs(ids)
        if not old and len(set(ids)) == len(ids) and self._recent.keys().isdisjoint(ids):
            return None
        return verdicts(ids, fingerprints, lambda place, message_id: self._recent.get(message_id, old.get(place)))

    def _find_in_runs(self, ids: Sequence[bytes]) -> dict[int, int]:
        if not self._runs:
            return {}
        halves = np.frombuffer(b"".join(ids), dtype=">u8").astype(np.uint64).reshape(-1, 2)
        highs = halves[:, 0]
        hashes = _hash(highs, halves[:, 1])
        found: dict[int, int] = {}
        for run in self._runs:
            found.update(run.find(hashes, highs))
        return found

    @property
    def position(self) -> Position | None:
        return self._position

    def accept(
        self, ids: Sequence[bytes], fingerprints: Sequence[int], stream_time_ms: int, position: Position | None = None
    ) -> None:
        self._position = position or self._position
        if self._recent and stream_time_ms - self._recent_oldest_ms > self._window_ms // _MERGED_SPAN_SHARE:
            self._freeze()  # a slow stream, or a jump of time: do not let the dictionary outlive the window
        self.stream_time_ms = max(self.stream_time_ms, stream_time_ms)
        if not self._recent:
            self._recent_oldest_ms = self.stream_time_ms
        self._recent.update(zip(ids, fingerprints, strict=True))
        if len(self._recent) >= self._recent_limit:
            self._freeze()
        self._expire()

    def accept_packed(self, pairs: bytes, stream_time_ms: int, position: Position) -> None:
        self.accept(*unpack_pairs(pairs), stream_time_ms, position)

    def clear(self) -> None:
        self._recent, self._runs, self._position, self.stream_time_ms = {}, [], None, 0

    def close(self) -> None:
        pass

    def _freeze(self) -> None:
        halves = np.frombuffer(b"".join(self._recent), dtype=">u8").astype(np.uint64).reshape(-1, 2)
        fingerprints = np.fromiter(self._recent.values(), dtype=np.uint64, count=len(self._recent))
        highs = np.ascontiguousarray(halves[:, 0])
        self._runs.append(
            _make_run(_hash(highs, halves[:, 1]), highs, fingerprints, self._recent_oldest_ms, self.stream_time_ms)
        )
        self._recent = {}
        while len(self._runs) > 1 and self._may_merge(self._runs[-2], self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = _merge(self._runs[-1], last)

    def _may_merge(self, first: _Run, second: _Run) -> bool:
        span_ms = max(first.newest_ms, second.newest_ms) - min(first.oldest_ms, second.oldest_ms)
        return len(first) < 2 * len(second) and span_ms <= self._window_ms // _MERGED_SPAN_SHARE

    def _expire(self) -> None:
        horizon_ms = self.stream_time_ms - self._window_ms
        if self._runs and self._runs[0].newest_ms < horizon_ms:
            self._runs = [run for run in self._runs if run.newest_ms >= horizon_ms]


def pack_pairs(ids: Iterable[bytes], fingerprints: Iterable[int]) -> bytes:
    """The `ids` of a ledger entry."""
    return b"".join(
        message_id + fingerprint.to_bytes(FINGERPRINT_BYTES, "big")
        for message_id, fingerprint in zip(ids, fingerprints, strict=True)
    )


def memory_of(windows: Iterable[Window]) -> dict[str, Any]:
    """Ids held and bytes used, for heartbeats."""
    held = list(windows)
    return {"ids": sum(map(len, held)), "bytes": sum(window.size_bytes for window in held)}
