"""Read partitions from given offsets to their ends: read_committed, nothing skipped, no group to join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition

from iot_platform.errors import KafkaUnavailableError, OffsetsLostError
from iot_platform.stream.answers import answered, no_answer
from iot_platform.stream.clients import ADMIN_TIMEOUT_SECONDS, Clients

Place = tuple[str, int]
"""Topic and partition."""

Message = Any  # confluent_kafka.Message, which has no type stubs

_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 0.05
_SILENCE_POLLS = 600


class AssignedReader:
    """Reads each place from its offset to the end it has now (the last stable offset).

    `positions` tells at any time the next offset of each place; past an aborted transaction or a control record it
    moves on without a record. Use it as a context manager.
    """

    def __init__(self, clients: Clients, group: str, start: Mapping[Place, int | None]) -> None:
        """`start` None: where the log begins now.

        Raises OffsetsLostError when a start lies before what Kafka still holds, or beyond what it ever held.
        """
        self._consumer: Consumer = clients.consumer(group, {"enable.partition.eof": True, "fetch.wait.max.ms": 10})
        self.positions: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}
        try:
            for place, offset in start.items():
                self.positions[place], self._ends[place] = self._span(place, offset)
            open_places = [TopicPartition(*place, self.positions[place]) for place in self._unread()]
            if open_places:
                self._consumer.assign(open_places)
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> AssignedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    @property
    def remaining(self) -> int:
        """Offsets between the positions and the ends."""
        return sum(max(0, end - self.positions[place]) for place, end in self._ends.items())

    def batches(self, most: int) -> Iterator[list[Message]]:
        """Lists of 1 to `most` records; ends when each place has reached its end.

        `positions` covers all that was yielded, and what lay between.
        """
        batch: list[Message] = []
        silent = 0
        while self._unread():
            messages = self._consumer.consume(most - len(batch), _POLL_SECONDS)
            silent = 0 if messages else silent + 1
            if silent > _SILENCE_POLLS:
                raise KafkaUnavailableError("Kafka has sent nothing for half a minute, though there is more to read.")
            batch += [message for message in messages if self._move(message)]
            if len(batch) >= most:
                yield batch
                batch = []
        if batch:
            yield batch

    def _unread(self) -> list[Place]:
        return [place for place, end in self._ends.items() if self.positions[place] < end]

    def _span(self, place: Place, start: int | None) -> tuple[int, int]:
        """From where to where the place is to be read."""
        low, high = self._watermarks(place)
        if start is None:
            return low, high
        if not low <= start <= high:
            raise OffsetsLostError(
                f"{place[0]}/{place[1]} is to be read from offset {start}, but Kafka holds {low} to {high}: records "
                "were removed by retention before they were read, or the topic was made anew.",
                next_step="See what is missing with `iot-platform audit`.",
            )
        return start, high

    def _watermarks(self, place: Place) -> tuple[int, int]:
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            raise KafkaUnavailableError(f"Kafka does not answer: {error.args[0].str()}.") from error
        return int(low), int(high)

    def _move(self, message: Message) -> bool:
        """Follow the position; whether the message is a record that belongs to this reading."""
        place = (message.topic(), message.partition())
        error = message.error()
        if error is None:
            if message.offset() >= self._ends[place]:
                self.positions[place] = self._ends[place]
                return False  # written since: for the next reading
            self.positions[place] = message.offset() + 1
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name in librdkafka
            self.positions[place] = max(self.positions[place], min(message.offset(), self._ends[place]))
            return False
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise OffsetsLostError(
                f"{place[0]}/{place[1]}: offset {self.positions[place]} is gone while it was to be read.",
                next_step="See what is missing with `iot-platform audit`.",
            )
        raise KafkaUnavailableError(f"Kafka refuses a read of {place[0]}/{place[1]}: {error.str()}.")

    def commit(self) -> None:
        """Tell Kafka the positions under the reader's group, so that its lag can be seen from outside."""
        offsets = [TopicPartition(*place, offset) for place, offset in self.positions.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise KafkaUnavailableError(f"Kafka does not take the group's offsets: {error.args[0].str()}.") from error


def topic_ids(clients: Clients, topics: list[str]) -> dict[str, str]:
    """Kafka's id of each topic. Raises KafkaUnavailableError when it does not answer or a topic is missing."""
    admin = clients.admin()
    futures: dict[str, Future[Any]] = admin.describe_topics(
        TopicCollection(topics), request_timeout=ADMIN_TIMEOUT_SECONDS
    )
    ids = {}
    for topic, future in futures.items():
        try:
            ids[topic] = str(answered(future).topic_id)
        except KafkaException as error:
            raise KafkaUnavailableError(
                f"Topic {topic} cannot be described: {error.args[0].str()}.",
                next_step="Run `iot-platform topics create`, or `iot-platform up`, which makes the topics.",
            ) from error
    return ids


def partition_counts(clients: Clients, topics: list[str]) -> dict[str, int]:
    """Number of partitions of each topic."""
    admin = clients.admin()
    try:
        known = admin.list_topics(timeout=ADMIN_TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise no_answer(clients.bootstrap_servers, error) from error
    missing = [topic for topic in topics if topic not in known]
    if missing:
        raise KafkaUnavailableError(
            f"There is no topic {', '.join(missing)}.",
            next_step="Run `iot-platform topics create`, or `iot-platform up`.",
        )
    return {topic: len(known[topic].partitions) for topic in topics}
