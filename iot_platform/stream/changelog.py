"""Rebuild what a validator must know of a partition from the stream's ledger.

The order of the steps matters (F27, F28): the committed input offset is asked first, which waits out a former owner's
pending commit; only then is the ledger's end read. The other way round, entries committed in between would be missed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from iot_platform.contract import ledger
from iot_platform.contract.topology import Topology
from iot_platform.errors import ChangelogTooShortError, IntegrityError, KafkaUnavailableError, OffsetsLostError
from iot_platform.faultpoints import faultpoint
from iot_platform.stream.clients import Clients
from iot_platform.stream.dedup import Position, Window
from iot_platform.stream.windows import Windows

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 0.05
_BATCH = 1_000
_HOUR_MS = 3_600_000
_PENDING_MARGIN_SECONDS = 10.0


@dataclass(frozen=True)
class PartitionState:
    """Where to go on in the raw partition, and the ids accepted within the window."""

    next_offset: int
    window: Window


class _StrangeStoreError(Exception):
    """A local store that is not of this ledger."""


class Changelog:
    """Restores partitions of one stream."""

    def __init__(
        self, clients: Clients, topology: Topology, windows: Windows, transaction_timeout_seconds: float
    ) -> None:
        self._pending_seconds = transaction_timeout_seconds + _PENDING_MARGIN_SECONDS
        self._clients = clients
        self._topology = topology
        self._windows = windows
        self._window_ms = windows.window_ms

    def pending_over_at(self) -> float:
        """By when (monotonic seconds) every transaction that is open now is over, whatever became of its owner."""
        return time.monotonic() + self._pending_seconds

    def restore(
        self, consumer: Consumer, partition: int, pending_over_at: float, alive: Callable[[], bool]
    ) -> PartitionState:
        """The state of `partition`, for its new owner `consumer`. What is pending is waited for until
        `pending_over_at`: asked once for all partitions of an assignment, since a wait for each would add up to more
        than a member may take.

        Raises OffsetsLostError, ChangelogTooShortError or IntegrityError rather than starting with a hole,
        KafkaUnavailableError when Kafka does not answer or `alive` turns false meanwhile.
        """
        committed = self._committed(consumer, partition, pending_over_at)
        window = self._windows.open(partition)
        try:
            covered_to = self._replay(partition, window, alive)
            next_offset = self._agreed(partition, committed, covered_to, consumer)
        except BaseException:
            window.close()
            raise
        log.info(
            "restored %s/%d: next offset %d, %d ids in the window",
            self._topology.raw, partition, next_offset, len(window),
        )  # fmt: skip
        return PartitionState(next_offset, window)

    def _committed(self, consumer: Consumer, partition: int, pending_over_at: float) -> int | None:
        """The group's offset, once no transaction with an offset of this partition is pending.

        None when there is none, and also when one stays pending for longer than any transaction may live: after two
        crashes of a broker in a row, Kafka 4.3.1 was seen to leave one open for ever. Then the ledger alone decides,
        which is written in the same transactions (`_replay` refuses while one is open there).
        """
        asked = TopicPartition(self._topology.raw, partition)
        while True:
            try:
                (answer,) = consumer.committed([asked], timeout=_ANSWER_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError._TIMED_OUT:  # noqa: SLF001 - its public name in librdkafka
                    raise
                if time.monotonic() > pending_over_at:
                    log.warning("%s/%d: the group's offset stays pending; the ledger decides", asked.topic, partition)
                    return None
                continue
            if answer.error is not None:
                raise KafkaException(answer.error)
            return None if answer.offset == OFFSET_INVALID else int(answer.offset)

    def _agreed(self, partition: int, committed: int | None, covered_to: int | None, consumer: Consumer) -> int:
        """The offset on which the group and the ledger agree: both were written in the same transactions."""
        raw = TopicPartition(self._topology.raw, partition)
        low, high = consumer.get_watermark_offsets(raw, timeout=_ANSWER_SECONDS)
        if committed is not None and covered_to is not None and committed != covered_to + 1:
            group = self._topology.validator_group
            raise IntegrityError(
                f"{self._topology.raw}/{partition}: group {group} is at offset {committed}, but the ledger ends at "
                f"{covered_to}. Somebody moved one without the other.",
                next_step=f"Set the group back to offset {covered_to + 1} on this partition, then start the validator.",
            )
        next_offset = committed
        if next_offset is None:  # a new group, or one whose offsets Kafka forgot after a long pause
            next_offset = low if covered_to is None else covered_to + 1
        if not low <= next_offset <= high:
            raise OffsetsLostError(
                f"{self._topology.raw}/{partition}: validation is to go on at offset {next_offset}, but Kafka holds "
                f"{low} to {high}: raw records were removed by retention, or the topic was made anew.",
                next_step=f"See what is missing with `iot-platform audit --stream {self._topology.stream}`.",
            )
        return next_offset

    def _replay(self, partition: int, window: Window, alive: Callable[[], bool]) -> int | None:
        """Feed the window from the ledger; the last raw offset the ledger covers, None when it is empty."""
        # The end is told by an empty fetch, for which the broker would wait half a second by default.
        options = {"enable.partition.eof": True, "fetch.wait.max.ms": 10}
        reader = self._clients.consumer(f"{self._topology.validator_group}-restore", options)
        try:
            try:
                return self._read_from(reader, self._start(reader, partition, window), window, alive)
            except _StrangeStoreError as error:
                log.warning("%s/%d: the local store is built anew: %s", self._topology.ledger, partition, error)
                window.clear()
                return self._read_from(reader, self._start(reader, partition, window), window, alive)
        finally:
            reader.close()

    def _read_from(
        self, reader: Consumer, start: TopicPartition, window: Window, alive: Callable[[], bool]
    ) -> int | None:
        reader.assign([start])
        return self._read(reader, window, alive)

    def _start(self, reader: Consumer, partition: int, window: Window) -> TopicPartition:
        """The first ledger offset that the window does not hold."""
        at = TopicPartition(self._topology.ledger, partition)
        low, high = reader.get_watermark_offsets(at, timeout=_ANSWER_SECONDS)
        self._refuse_open_transaction(at, high)
        held = window.position
        if held is None:
            return self._start_of_window(reader, at, low, high)
        if not low <= held.ledger_next <= high:
            raise _StrangeStoreError(f"it ends at {held.ledger_next}, the ledger has {low} to {high}")
        return TopicPartition(at.topic, partition, held.ledger_next)

    def _start_of_window(self, reader: Consumer, at: TopicPartition, low: int, high: int) -> TopicPartition:
        """The first ledger offset within the window, which ends at the newest time stamp in the ledger."""
        partition = at.partition
        newest_ms = self._newest_ms(reader, partition, low, high)
        if newest_ms is None:
            return TopicPartition(at.topic, partition, low)
        window_start_ms = newest_ms - self._window_ms
        asked = TopicPartition(at.topic, partition, max(0, window_start_ms))
        (first,) = reader.offsets_for_times([asked], timeout=_ANSWER_SECONDS)
        if first.error is not None:
            raise KafkaException(first.error)
        if 0 < low == first.offset:
            raise ChangelogTooShortError(
                f"{at.topic}/{partition}: the ledger begins at offset {low}, within the deduplication window of "
                f"{self._window_ms / _HOUR_MS:g} h: older accepted ids are not known any more.",
                next_step="Keep streams.<name>.retention.ledger_days above the window; to go on without older ids, "
                "lower streams.<name>.dedup_window_hours.",
            )
        return TopicPartition(at.topic, partition, first.offset if first.offset >= 0 else low)

    def _refuse_open_transaction(self, at: TopicPartition, stable_end: int) -> None:
        """Raises KafkaUnavailableError while a transaction is open on the ledger: its outcome is not known yet."""
        observer = self._clients.observer(f"{self._topology.validator_group}-restore")
        try:
            _, written_end = observer.get_watermark_offsets(at, timeout=_ANSWER_SECONDS)
        finally:
            observer.close()
        if written_end > stable_end:
            raise KafkaUnavailableError(
                f"A transaction is still open on {at.topic}/{at.partition}.",
                next_step="Kafka ends it within validator.transaction_timeout_seconds; one that stays is ended by "
                f"`iot-platform streams abort-hanging {self._topology.stream}`.",
            )

    def _newest_ms(self, reader: Consumer, partition: int, low: int, high: int) -> int | None:
        """The time stamp of the last entry; the last offsets of a partition may be control records."""
        step = 8
        while low < high:
            reader.assign([TopicPartition(self._topology.ledger, partition, max(low, high - step))])
            newest: int | None = None
            while True:
                message = reader.poll(_ANSWER_SECONDS)
                if message is None:
                    raise KafkaUnavailableError("Kafka does not answer a read of the ledger.")
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name in librdkafka
                        break
                    raise KafkaException(error)
                newest = max(message.timestamp()[1], newest or 0)
            if newest is not None or high - step <= low:
                return newest
            step *= 8
        return None

    def _read(self, reader: Consumer, window: Window, alive: Callable[[], bool]) -> int | None:
        held = window.position is not None
        covered_to = window.position.covered_to if window.position is not None else -1
        while alive():
            for message in reader.consume(_BATCH, _POLL_SECONDS):
                error = message.error()
                if error is not None:
                    # End of the partition as a read_committed reader sees it: the last stable offset.
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                        return covered_to if covered_to >= 0 else None
                    raise KafkaException(error)
                entry = ledger.decode(message.value() or b"")
                if held and entry.first != covered_to + 1:
                    raise _StrangeStoreError(f"it covers to {covered_to}, the ledger goes on at {entry.first}")
                covered_to = max(entry.last, covered_to)
                window.accept_packed(
                    entry.ids, message.timestamp()[1], Position((message.offset() or 0) + 1, covered_to)
                )
                faultpoint("validator.restoring")
        raise KafkaUnavailableError("The ledger was not read to its end before the stop.")
