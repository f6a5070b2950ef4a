"""A source for measuring: so many sensors in turn, at a steady rate or as fast as they are taken, at next to no cost.

    python -m iot_platform.planning.feed --stream S --sensors N --rate R [--count N]

The simulated fleet costs more than what it feeds; here a reading is one template filled in. Values differ from sensor
to sensor and from round to round, so that compression finds what it finds in a fleet: words repeat, numbers do not.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from iot_platform.clock import Clock, SystemClock, unix_millis
from iot_platform.lifecycle import Stop
from iot_platform.settings import load_settings
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.sources.window import uuids

_DEAD_EVERY = 100
"""Each so many-th reading is out of its range: a share of 1 % dead."""
_STEP_SECONDS = 0.01
_OLDEST_US = 1_000_000
"""A reading is up to a second old when it is taken, each by its own clock."""
_KEY = b"temperature-%07d"
_VALUE = (
    b'{"message_id":"%b","sensor_id":"%b","sensor_type":"temperature","generated_at":"%bZ","value":%.2f,"unit":"Cel",'
    b'"location":"site-%c/floor-%d","battery_level":%.1f,"signal_strength":%d,"schema_version":1}'
)


class Feed:
    """A Source. It begins anew with each start: nobody asks it to go on."""

    can_wait = True

    def __init__(self, sensors: int, rate: float | None, clock: Clock, name: str = "file-feed") -> None:
        self.name = name
        self._sensors = sensors
        self._rate = rate
        self._clock = clock
        self._given = 0
        self._began = clock.monotonic()
        self._chance = np.random.default_rng(2026)

    def start(self, _cursor: Cursor | None) -> None:
        self._began = self._clock.monotonic()

    def batch(self, limit: int) -> Batch:
        count = limit if self._rate is None else min(limit, self._due() - self._given)
        if count <= 0:
            return Batch((), {"given": self._given}, wait_seconds=_STEP_SECONDS)
        readings = self._make(count, self._clock.now())
        self._given += count
        return Batch(readings, {"given": self._given})

    def accepted(self, batch: Batch) -> None:
        """Nobody asks."""

    def close(self) -> None:
        """Nothing is open."""

    def _due(self) -> int:
        return int((self._clock.monotonic() - self._began) * (self._rate or 0.0))

    def _make(self, count: int, now: datetime) -> Sequence[Reading]:
        numbers = (np.arange(self._given, self._given + count)) % self._sensors
        values = np.where((np.arange(count) + self._given) % _DEAD_EVERY == 0, 900.0, self._chance.normal(21, 4, count))
        batteries, signals = self._chance.uniform(20, 100, count), self._chance.integers(-90, -45, count)
        ages_us = self._chance.integers(0, _OLDEST_US, count)
        moments = np.datetime64(now.replace(tzinfo=None), "us") - ages_us.astype("timedelta64[us]")
        stamps = np.datetime_as_string(moments, unit="us").astype("S26").tolist()
        ids = uuids(np.frombuffer(os.urandom(16 * count), dtype=np.uint8).reshape(count, 16))
        made: list[Reading] = []
        rows = zip(ids, stamps, numbers.tolist(), values.tolist(), batteries.tolist(), signals.tolist(), strict=True)
        at_ms = unix_millis(now)
        for message_id, stamp, number, value, battery, signal in rows:
            key = _KEY % number
            place = (97 + number % 5, 1 + number % 4)
            made.append(Reading(key, _VALUE % (message_id, key, stamp, value, *place, battery, signal), at_ms))
        return made


class _Counted(Feed):
    """Ends after `count` readings."""

    def __init__(self, count: int, *given: Any) -> None:
        super().__init__(*given)
        self._count = count

    def batch(self, limit: int) -> Batch:
        batch = super().batch(min(limit, self._count - self._given))
        return Batch(batch.readings, batch.cursor, batch.wait_seconds, exhausted=self._given >= self._count)


def main() -> None:
    """One producer of a feed, with the settings of the environment, until SIGTERM or its count."""
    from iot_platform.stream.producer import run_producer  # noqa: PLC0415 - polars and numpy take a second

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", required=True)
    parser.add_argument("--sensors", type=int, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    clock = SystemClock()
    given = (options.sensors, options.rate, clock)
    source = _Counted(options.count, *given) if options.count else Feed(*given)
    run_producer(load_settings(), source, options.stream, stop=Stop().on_signals())


if __name__ == "__main__":
    main()
