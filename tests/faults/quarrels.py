"""A source that also contradicts itself: now and then a reading comes again under its id, with other bytes."""

from __future__ import annotations

import zlib

from iot_platform.stream.sources.base import Batch, Cursor, Reading, Source

_ONE_IN = 25


class Quarrelsome:
    """A Source around another. Which readings are contradicted follows from their bytes: made again, the same are."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def can_wait(self) -> bool:
        return self._source.can_wait

    def start(self, cursor: Cursor | None) -> None:
        self._source.start(cursor)

    def batch(self, limit: int) -> Batch:
        batch = self._source.batch(limit)
        readings: list[Reading] = []
        for reading in batch.readings:
            readings.append(reading)
            value = reading.value or b""
            if reading.expectation == "valid" and zlib.crc32(value) % _ONE_IN == 0:
                other = value[:-1] + b',"contradiction":true}'
                readings.append(reading._replace(value=other, expectation="dead"))
        return Batch(readings, batch.cursor, batch.wait_seconds, batch.exhausted, batch.skipped)

    def accepted(self, batch: Batch) -> None:
        self._source.accepted(batch)

    def close(self) -> None:
        self._source.close()
