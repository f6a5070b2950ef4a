"""A source of readings that a test makes by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from iot_platform.clock import SystemClock, unix_millis
from iot_platform.stream.sources.base import Batch, Cursor, Expectation, Reading
from tests.support.readings import document, encoded


class Given:
    """Gives a list once and is exhausted. Run again under its name, it goes on behind what is durable."""

    def __init__(self, readings: Sequence[Reading], name: str = "given", *, can_wait: bool = True) -> None:
        self.name = name
        self.can_wait = can_wait
        self._readings = readings
        self._at = 0

    def start(self, cursor: Cursor | None) -> None:
        self._at = int(cursor["at"]) if cursor else 0

    def batch(self, limit: int) -> Batch:
        taken = self._readings[self._at : self._at + limit]
        self._at += len(taken)
        return Batch(taken, {"at": self._at}, exhausted=self._at == len(self._readings))

    def accepted(self, batch: Batch) -> None:
        pass

    def close(self) -> None:
        pass


def sound(sensor: str = "sensor-1", expectation: Expectation = "valid", **changes: object) -> Reading:
    """A sound reading of now, which the rules accept whatever its source expects."""
    return reading(encoded(sensor_id=sensor, **changes), sensor.encode(), expectation)


def reading(value: bytes | None, key: bytes | None, expectation: Expectation, at_ms: int | None = None) -> Reading:
    accepted_at_ms = unix_millis(SystemClock().now()) if at_ms is None else at_ms
    return Reading(key, value, accepted_at_ms, expectation)


def many(count: int, sensors: int = 10) -> list[Reading]:
    return [sound(f"sensor-{number % sensors}") for number in range(count)]


def padded(sizes: Iterable[int]) -> list[Reading]:
    """Valid readings that grow by so many bytes of an unknown field, which do not compress."""
    return [sound(filling=noise(size)) for size in sizes]


def noise(size: int) -> str:
    return "".join(document()["message_id"] for _ in range(size // 36 + 1))[:size]
