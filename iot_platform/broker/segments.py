"""What our own brokers' log files hold, counted by batch; only the headers are read (Kafka's record batch, magic 2)."""

from __future__ import annotations

import operator
import struct
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from iot_platform.broker.cluster import kafka_dir
from iot_platform.settings import Settings

# base offset, length of the rest, leader epoch, magic, checksum, attributes, last offset delta, two time stamps,
# producer's id and epoch, first sequence number, records
_HEADER = struct.Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH_COUNTS = 12
_CONTROL = 0x20


@dataclass(frozen=True)
class Written:
    """Of a topic: batches of records with their bytes, and the markers that end transactions with theirs."""

    batches: int = 0
    records: int = 0
    record_bytes: int = 0
    markers: int = 0
    marker_bytes: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: Written) -> Written:
        return Written(*map(operator.sub, astuple(self), astuple(other)))


def written(settings: Settings, topic: str) -> Written:
    """What the first of our brokers holds of a topic now. What is being appended may be left out."""
    total = Written()
    for path in (kafka_dir(settings, 1) / "data").glob(f"{topic}-*/*.log"):
        if path.parent.name.removeprefix(f"{topic}-").isdigit():
            total += _of_file(path)
    return total


def _of_file(path: Path) -> Written:
    batches = records = record_bytes = markers = marker_bytes = 0
    for size, attributes, count in _headers(path):
        if attributes & _CONTROL:
            markers, marker_bytes = markers + 1, marker_bytes + size
        else:
            batches, records, record_bytes = batches + 1, records + count, record_bytes + size
    return Written(batches, records, record_bytes, markers, marker_bytes)


def _headers(path: Path) -> Iterator[tuple[int, int, int]]:
    """Size, attributes and number of records of each whole batch."""
    end, at = path.stat().st_size, 0
    with path.open("rb") as log:
        while at + _HEADER.size <= end:
            log.seek(at)
            _, length, _, _, _, attributes, *_, count = _HEADER.unpack(log.read(_HEADER.size))
            size = length + _BEFORE_LENGTH_COUNTS
            if length <= 0 or at + size > end:
                return
            yield size, attributes, count
            at += size
