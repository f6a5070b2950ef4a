"""A `Window` on disk, larger than memory: RocksDB, by buckets of a twelfth of the window.

A key is its bucket and the id, so a bucket is dropped by one range delete, and its files go without being read. What of
the ledger is held (`Position`) is written in the same batch as the ids: after a crash the two agree, and a start reads
only the ledger's tail. Nothing is synced to disk: what a power cut takes, the ledger still has.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from iot_platform.errors import DedupStoreError
from iot_platform.stream.dedup import Known, Position, unpack_pairs, verdicts

log = logging.getLogger(__name__)

_FORMAT = 1
_META = b"meta"
_IDS = b"i"
_BUCKETS = 12
_CACHE_BYTES = 32 * 1024 * 1024
_WRITE_BUFFER_BYTES = 16 * 1024 * 1024
_FILTER_BITS_PER_ID = 10
_CORRUPTION = "Corruption"


class _Meta(msgspec.Struct):
    """`ids`: how many each bucket holds; `ledger`: of which partition of which topic, by Kafka's own id."""

    window_ms: int
    ledger: str
    stream_time_ms: int = 0
    position: Position | None = None
    ids: dict[int, int] = {}
    format: int = _FORMAT


class RocksWindow:
    """The accepted ids of one partition, in a directory of its own. Whoever opens it is its only owner."""

    def __init__(self, directory: Path, window_ms: int, ledger: str) -> None:
        """Opens what is there. What is damaged, or of another window or ledger, is removed: it begins empty.

        Raises DedupStoreError when another owner has it, or the disk refuses.
        """
        self._directory = directory
        self._window_ms = window_ms
        self._ledger = ledger
        self._width_ms = max(1, window_ms // _BUCKETS)
        self._store: Any = None
        self._cache: Any = None
        self._meta = _Meta(window_ms, ledger)
        self.stream_time_ms = 0
        self._open()

    def __len__(self) -> int:
        return sum(self._meta.ids.values())

    @property
    def size_bytes(self) -> int:
        tables: int = self._store.property_int_value("rocksdb.cur-size-all-mem-tables") or 0
        return tables + int(self._cache.get_usage())

    @property
    def position(self) -> Position | None:
        return self._meta.position

    def classify(self, ids: Sequence[bytes], fingerprints: Sequence[int]) -> list[Known] | None:
        if not ids:
            return None
        old = self._find(ids)
        if not old and len(set(ids)) == len(ids):
            return None
        return verdicts(ids, fingerprints, lambda place, _id: old.get(place))

    def accept(
        self, ids: Sequence[bytes], fingerprints: Sequence[int], stream_time_ms: int, position: Position | None = None
    ) -> None:
        from rocksdict import WriteBatch  # noqa: PLC0415 - only who has chosen this store needs the library

        self.stream_time_ms = max(self.stream_time_ms, stream_time_ms)
        bucket = self.stream_time_ms // self._width_ms
        batch = WriteBatch(raw_mode=True)
        prefix = _prefix(bucket)
        for message_id, fingerprint in zip(ids, fingerprints, strict=True):
            batch.put(prefix + message_id, fingerprint.to_bytes(8, "big"))
        held = {**self._meta.ids, bucket: self._meta.ids.get(bucket, 0) + len(ids)}
        first_kept = (self.stream_time_ms - self._window_ms) // self._width_ms
        if min(held) < first_kept:
            batch.delete_range(_prefix(min(held)), _prefix(first_kept))
        self._meta = _Meta(
            self._window_ms,
            self._ledger,
            self.stream_time_ms,
            position or self._meta.position,
            {number: count for number, count in held.items() if number >= first_kept},
        )
        batch.put(_META, msgspec.json.encode(self._meta))
        with self._told():
            self._store.write(batch)

    def accept_packed(self, pairs: bytes, stream_time_ms: int, position: Position) -> None:
        self.accept(*unpack_pairs(pairs), stream_time_ms, position)

    def clear(self) -> None:
        self.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        self._open()

    def close(self) -> None:
        with suppress(Exception):  # the library raises no narrower; what is not written yet is in the ledger
            self._store.close()

    def _find(self, ids: Sequence[bytes]) -> dict[int, int]:
        """Place -> fingerprint, for each id held."""
        found: dict[int, int] = {}
        for bucket, count in self._meta.ids.items():
            if count:
                prefix = _prefix(bucket)
                with self._told():
                    values = self._store.get([prefix + message_id for message_id in ids])
                found |= {
                    place: int.from_bytes(value, "big") for place, value in enumerate(values) if value is not None
                }
        return found

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            self._store, self._cache = _opened(self._directory)
            self._meta = self._read_meta()
        except _UnusableError as error:
            log.warning("%s is built anew from the ledger: %s", self._directory, error)
            self.close()
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory.mkdir(parents=True)
            self._store, self._cache = _opened(self._directory)
            self._meta = _Meta(self._window_ms, self._ledger)
        self.stream_time_ms = self._meta.stream_time_ms

    def _read_meta(self) -> _Meta:
        try:
            text = self._store.get(_META)
        except Exception as error:
            raise _UnusableError(str(error)) from error
        if text is None:  # new, or somebody removed files
            if next(iter(self._store.keys()), None) is not None:
                raise _UnusableError("it does not say what it holds")
            return _Meta(self._window_ms, self._ledger)
        try:
            meta = msgspec.json.decode(text, type=_Meta)
        except msgspec.MsgspecError as error:
            raise _UnusableError(str(error)) from error
        if (meta.format, meta.window_ms, meta.ledger) != (_FORMAT, self._window_ms, self._ledger):
            raise _UnusableError("it was kept for another window or ledger, or by another version")
        return meta

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A store that fails is given up; one that is damaged is removed, so that the next start builds it anew."""
        try:
            yield
        except Exception as error:
            self.close()
            if _CORRUPTION in str(error):
                shutil.rmtree(self._directory, ignore_errors=True)
            raise DedupStoreError(
                f"The store of accepted ids in {self._directory} fails: {error}.",
                next_step="It is opened, or built from the ledger, anew. If this repeats, see the disk.",
            ) from error


class _UnusableError(Exception):
    pass


def _prefix(bucket: int) -> bytes:
    return _IDS + bucket.to_bytes(8, "big")


def _opened(directory: Path) -> tuple[Any, Any]:
    """The store and its cache. Raises _UnusableError for a damaged one, DedupStoreError for one that is held."""
    from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict  # noqa: PLC0415

    cache, table, options = Cache(_CACHE_BYTES), BlockBasedOptions(), Options(raw_mode=True)
    table.set_block_cache(cache)
    table.set_bloom_filter(_FILTER_BITS_PER_ID, False)
    table.set_cache_index_and_filter_blocks(True)  # so that the cache's size bounds them, too
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.none())  # ids are noise
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    try:
        return Rdict(str(directory), options), cache
    except Exception as error:
        if "lock" in str(error).lower():
            raise DedupStoreError(f"The store of accepted ids in {directory} is held by another process.") from error
        raise _UnusableError(str(error)) from error
