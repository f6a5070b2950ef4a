"""A read_committed reader that looks on while things break: a last look alone cannot see what was there and went."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from tests.faults.canaries import is_canary
from tests.faults.evidence import id_of
from tests.support.topics import Kept

_POLL_SECONDS = 0.1
_LAST_POLLS = 5


class Watcher:
    """Reads the outputs of a stream in a thread of its own, for the length of a `with` block.

    `faults` are sentences: an offset that did not grow, a reading or a place seen twice, an aborted record.
    """

    def __init__(self, settings: Settings, topology: Topology) -> None:
        self._topology = topology
        self._consumer: Consumer = Clients(settings).consumer("watcher", {"fetch.wait.max.ms": 50})
        outputs = (topology.validated, topology.dead_letters)
        count = settings.stream(topology.stream).partitions
        self._consumer.assign([TopicPartition(topic, at, 0) for topic in outputs for at in range(count)])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher")
        self._last: dict[tuple[str, int], int] = {}
        self._ids: set[str] = set()
        self.seen: dict[tuple[str, int, int], bytes | None] = {}
        self.faults: list[str] = []

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._consumer.close()

    def agrees_with(self, validated: Sequence[Kept], dead: Sequence[Kept]) -> list[str]:
        """Sentences for what was seen and is not there now, or is there with other bytes."""
        now = {(self._topology.validated, kept.partition, kept.offset): kept.value for kept in validated}
        now |= {(self._topology.dead_letters, kept.partition, kept.offset): kept.value for kept in dead}
        gone = [place for place, value in self.seen.items() if place not in now or now[place] != value]
        return [*self.faults, *(f"{place} was seen and is gone or another now" for place in gone)]

    def _run(self) -> None:
        left = _LAST_POLLS
        while left:
            left -= self._over.is_set()
            for message in self._consumer.consume(1_000, _POLL_SECONDS):
                if message.error() is None:  # errors pass: brokers are killed beside it
                    self._note(message)

    def _note(self, message: Any) -> None:
        place = (message.topic(), message.partition())
        offset, value = message.offset(), message.value()
        if offset <= self._last.get(place, -1):
            self.faults.append(f"{place[0]}/{place[1]}: offset {offset} came after {self._last[place]}")
        if is_canary(value):
            self.faults.append(f"{place[0]}/{place[1]}: an aborted record at {offset}")
        elif place[0] == self._topology.validated:
            message_id = id_of(Kept(place[1], offset, None, value, (), 0))
            if message_id in self._ids:
                self.faults.append(f"{place[0]}/{place[1]}: {message_id} is valid a second time at {offset}")
            self._ids.add(message_id)
        self._last[place] = offset
        self.seen[(*place, offset)] = value
