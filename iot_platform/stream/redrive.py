"""Dead letters back into the raw topic: where they were, as they were, and found again after a crash.

An idempotent producer without transactions: their markers would stand at the end of an idle raw topic as records that
nobody ever takes. Whether a batch that was interrupted is there is read from the topic itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaException

from iot_platform.contract.redrive import read_origin
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError
from iot_platform.faultpoints import faultpoint
from iot_platform.settings import Settings
from iot_platform.stream.client_errors import unmasked
from iot_platform.stream.clients import Clients
from iot_platform.stream.headers import read_headers, size_of
from iot_platform.stream.offsets import log_spans
from iot_platform.stream.reader import AssignedReader, Place
from iot_platform.stream.record import Parts, record_of
from iot_platform.stream.topics import raw_max_bytes

_GROUP = "redrive"  # of no consequence: nothing is committed under it
_READ_BATCH = 5_000
_DELIVERY_SECONDS = 60.0
_WAIT_SECONDS = 0.1
_OVERHEAD_BYTES = 65_536

Key = tuple[int, int]
"""Partition and offset of the raw record that became the dead letter."""


@dataclass(frozen=True)
class Outgoing:
    """One record, and the dead letter it was. It goes where it came from, so that its sensor's order holds."""

    source: Key
    parts: Parts


class RawTopic:
    """The raw topic of one stream, for records that were in it before."""

    def __init__(self, settings: Settings, stream: str) -> None:
        self._clients = Clients(settings)
        self.topic = Topology(stream).raw
        self.most_bytes = raw_max_bytes(settings.stream(stream))
        self._producer = self._clients.producer(
            {
                "message.timeout.ms": round(_DELIVERY_SECONDS * 1000),
                "message.max.bytes": self.most_bytes + _OVERHEAD_BYTES,
                "linger.ms": settings.producer.linger_ms,
                "compression.type": settings.producer.compression,
            }
        )

    def ends(self) -> str:
        """JSON of the next offset of each partition: what is sent from now on stands there or behind."""
        spans = log_spans(self._clients, [self.topic])
        return json.dumps({str(partition): span.high for (_, partition), span in sorted(spans.items())})

    def send(self, records: Sequence[Outgoing]) -> dict[Key, Key]:
        """Send, and wait until all are acknowledged; where each is now.

        Raises KafkaUnavailableError when Kafka does not take them all: some may be there.
        """
        there: dict[Key, Key] = {}
        failures: list[str] = []
        for record in records:
            self._hand_over(record, partial(_note, there, failures, record.source))
        self._serve(self._producer.flush, _DELIVERY_SECONDS)
        if len(there) < len(records):
            why = failures[0] if failures else "no answer in time"
            raise KafkaUnavailableError(
                f"Kafka took {len(there)} of {len(records)} records: {why}.",
                next_step="Run the same command again: it goes on with what is missing.",
            )
        return there

    def _hand_over(self, record: Outgoing, report: Any) -> None:
        faultpoint("redrive.during_send")
        made = record_of(*record.parts)
        while True:
            try:
                self._producer.produce(self.topic, partition=record.source[0], on_delivery=report, **made)
            except BufferError:
                self._serve(self._producer.poll, _WAIT_SECONDS)
            except KafkaException as error:
                raise KafkaUnavailableError(f"Kafka's client refuses a record: {error.args[0].str()}.") from error
            else:
                return

    @staticmethod
    def _serve(reports: Callable[[float], int], seconds: float) -> None:
        """Poll or flush."""
        try:
            with unmasked():
                reports(seconds)
        except KafkaException as error:
            raise KafkaUnavailableError(
                f"Kafka's client has given up: {error.args[0].str()}.",
                next_step="Run the same command again: it goes on with what is missing.",
            ) from error

    def find(self, redrive_id: str, ends: str, wanted: int) -> dict[Key, Key]:
        """Which records of a batch are in the topic, and where; stops when `wanted` are found."""
        found: dict[Key, Key] = {}
        with AssignedReader(self._clients, _GROUP, self._start(json.loads(ends))) as reader:
            for messages in reader.batches(_READ_BATCH):
                headers, _ = read_headers(messages)
                for message, its in zip(messages, headers, strict=True):
                    origin = read_origin(its)
                    if origin is not None and origin.redrive_id == redrive_id:
                        found.setdefault((origin.partition, origin.offset), (message.partition(), message.offset()))
                if len(found) >= wanted:
                    break
        return found

    def _start(self, ends: Mapping[str, int]) -> dict[Place, int | None]:
        spans = log_spans(self._clients, [self.topic])
        return {place: min(max(ends.get(str(place[1]), 0), span.low), span.high) for place, span in spans.items()}

    def fits(self, parts: Parts) -> bool:
        """Whether Kafka takes a record of this size."""
        return len(parts.key or b"") + len(parts.value or b"") + size_of(parts.headers) <= self.most_bytes


def _note(there: dict[Key, Key], failures: list[str], source: Key, error: Any, message: Any) -> None:
    if error is None:
        there[source] = (message.partition(), message.offset())
    else:
        failures.append(error.str())
