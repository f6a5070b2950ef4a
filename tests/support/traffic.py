"""Readings that never cease: new ones, repeats of any age, and conflicts, while a test does its worst."""

from __future__ import annotations

import json
import random
import threading

from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from tests.support.readings import document

_PACE_SECONDS = 0.02
_FLUSH_SECONDS = 30.0
_SENSORS = 30
_NEW, _REPEATS = 10, 6


class Traffic:
    """A thread that sends until `end`, or the end of the `with` block. The counts are final then.

    With each dozen new readings go repeats of readings drawn from all sent so far, from the newest to the first, and
    now and then one of another payload under an old id.
    """

    def __init__(self, settings: Settings, topic: str, seed: int) -> None:
        self._producer = Clients(settings).producer()
        self._topic = topic
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.new: list[bytes] = []
        self.repeats = 0
        self.conflicts = 0

    @property
    def sent(self) -> int:
        return len(self.new) + self.repeats + self.conflicts

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_PACE_SECONDS):
            for _ in range(_NEW):
                value = json.dumps(document(sensor_id=f"sensor-{self._chance.randrange(_SENSORS)}")).encode()
                self._send(value)
                self.new.append(value)
            for _ in range(_REPEATS):
                self._send(self._chance.choice(self.new))
                self.repeats += 1
            self._conflict(self._chance.choice(self.new))
            assert self._producer.flush(_FLUSH_SECONDS) == 0

    def _conflict(self, value: bytes) -> None:
        self._send(value[:-1] + b', "more": %d}' % self.conflicts)
        self.conflicts += 1

    def _send(self, value: bytes) -> None:
        key: str = json.loads(value)["sensor_id"]
        self._producer.produce(self._topic, value, key.encode())
