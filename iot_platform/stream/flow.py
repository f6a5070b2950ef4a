"""What a reader of a topic sees, watched as it comes: how many records, and the longest time without one."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from iot_platform.errors import KafkaUnavailableError
from iot_platform.stream.clients import ADMIN_TIMEOUT_SECONDS, Clients

_GROUP = "flow"  # of no consequence: nothing is committed under it
_POLL_SECONDS = 0.1
_MOST = 1_000


class FlowWatch:
    """Reads committed records from the end of `topic` on, in a thread, for the length of a `with` block."""

    def __init__(self, clients: Clients, topic: str) -> None:
        self._consumer: Consumer = clients.consumer(_GROUP, {"fetch.wait.max.ms": 50})
        self._topic = topic
        self._arrivals: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)
        self.records = 0

    def __enter__(self) -> FlowWatch:
        """Raises KafkaUnavailableError when Kafka does not tell of the topic."""
        try:
            known = self._consumer.list_topics(self._topic, timeout=ADMIN_TIMEOUT_SECONDS).topics[self._topic]
        except KafkaException as error:
            self._consumer.close()
            raise KafkaUnavailableError(f"Kafka does not answer: {error.args[0].str()}.") from error
        self._consumer.assign([TopicPartition(self._topic, number, OFFSET_END) for number in known.partitions])
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._consumer.close()

    def arrived_since(self, moment: float) -> bool:
        """Whether a record came after `moment`, by `time.monotonic`."""
        return bool(self._arrivals) and self._arrivals[-1] > moment

    def longest_pause_seconds(self, first: float, last: float | None = None) -> float:
        """The longest time without a record between two moments, by `time.monotonic`; until now without `last`."""
        return longest_pause(list(self._arrivals), first, time.monotonic() if last is None else last)

    def _run(self) -> None:
        while not self._over.is_set():
            messages: list[Any] = self._consumer.consume(_MOST, _POLL_SECONDS)
            # An error tells that a broker is away: just what is to be seen, as a pause.
            count = sum(message.error() is None for message in messages)
            if count:
                self.records += count
                self._arrivals.append(time.monotonic())


def longest_pause(arrivals: Sequence[float], first: float, last: float) -> float:
    """The longest stretch of `first` to `last` without an arrival. Pure."""
    moments = [first, *(moment for moment in arrivals if first < moment < last), last]
    return max(after - before for before, after in pairwise(moments))
