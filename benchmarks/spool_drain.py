"""How fast a spool drains when Kafka is back, beside the same readings sent live.

    python -m benchmarks.spool_drain [--readings 200000]

Starts a Kafka of its own. Live: from the source through the spool to Kafka. Drained: all of it is in the spool when the
clock starts. Prints both rates in readings a second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from iot_platform.broker.node import LocalBroker
from iot_platform.broker.ports import free_port
from iot_platform.clock import SystemClock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.lifecycle import Stop
from iot_platform.settings import FleetSettings, KafkaSettings, Settings, StreamSettings, load_settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.preflight import is_reachable
from iot_platform.stream.producer import drain_spool, run_producer
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.sources.fleet import Fleet
from iot_platform.stream.spool import Spool, spool_path
from iot_platform.stream.topics import ensure_topics

STREAM = "iot_data"
_BATCH = 2_000


class Listed:
    """A source that has its readings ready."""

    name = "file-listed"
    can_wait = True

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings
        self._at = 0

    def start(self, cursor: Cursor | None) -> None:
        """From the beginning, always."""

    def batch(self, limit: int) -> Batch:
        taken = self._readings[self._at : self._at + limit]
        self._at += len(taken)
        return Batch(taken, {"at": self._at}, exhausted=self._at == len(self._readings))

    def accepted(self, batch: Batch) -> None:
        """Nobody asks."""

    def close(self) -> None:
        """Nothing is open."""


def readings_of_a_fleet(count: int) -> list[Reading]:
    fleet = Fleet(FleetSettings(sensors=1_000, rate=1_000_000), load_catalogue(STREAM), SystemClock())
    fleet.start(None)
    found: list[Reading] = []
    while len(found) < count:
        found.extend(fleet.batch(_BATCH).readings)
    return found[:count]


def live(settings: Settings, readings: Sequence[Reading]) -> float:
    began = time.monotonic()
    result = run_producer(settings, Listed(readings), STREAM, stop=Stop())
    assert result.acknowledged == len(readings)
    return len(readings) / (time.monotonic() - began)


def drained(settings: Settings, readings: Sequence[Reading]) -> float:
    source = "file-spooled"
    with closing(Spool(spool_path(settings.spool_dir, STREAM, source), 10**10)) as spool:
        for at in range(0, len(readings), _BATCH):
            spool.append(readings[at : at + _BATCH], {})
    began = time.monotonic()
    assert drain_spool(settings, STREAM, source, SystemClock(), lambda: True) == len(readings)
    return len(readings) / (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=200_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        kafka = KafkaSettings(broker_port=free_port(), controller_port=free_port())
        settings = load_settings(state_dir=Path(temporary), kafka=kafka, streams={STREAM: StreamSettings()})
        broker = LocalBroker(settings)
        broker.start()
        try:
            clients = Clients(settings)
            broker.wait_ready(lambda: is_reachable(clients))
            ensure_topics(clients, settings, STREAM)
            readings = readings_of_a_fleet(options.readings)
            for name, rate in (("live", live(settings, readings)), ("from the spool", drained(settings, readings))):
                print(f"{name}: {rate:,.0f} readings a second", flush=True)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
