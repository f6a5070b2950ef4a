"""Read a whole topic, and judge a raw topic by the source's own journal."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path

from confluent_kafka import Message, TopicPartition

from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients

_TIMEOUT_SECONDS = 20.0


def read_topic(settings: Settings, topic: str) -> list[Message]:
    """Every record below the high watermarks, in order within each partition."""
    consumer = Clients(settings).consumer("reader", {"enable.partition.eof": False})
    try:
        partitions = consumer.list_topics(topic, timeout=_TIMEOUT_SECONDS).topics[topic].partitions
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT_SECONDS)
            for number in partitions
        }
        consumer.assign([TopicPartition(topic, number, low) for number, (low, _) in ends.items()])
        missing = sum(high - low for low, high in ends.values())
        messages: list[Message] = []
        while len(messages) < missing:
            some = consumer.consume(min(5_000, missing - len(messages)), timeout=_TIMEOUT_SECONDS)
            assert some, f"{missing - len(messages)} records of {topic} did not come"
            for message in some:
                assert message.error() is None, message.error()
            messages += some
        return messages
    finally:
        consumer.close()


def digest(message: Message) -> str:
    return hashlib.sha256(message.value() or b"").hexdigest()


class JournalOfGiven:
    """What a journal says: `given` digests by sensor in order, without repeats; `accepted` digests."""

    def __init__(self, path: Path) -> None:
        by_seq: dict[int, str] = {}
        self.accepted: set[str] = set()
        self.given: set[str] = set()
        self.order: dict[str, list[str]] = defaultdict(list)
        for line in map(json.loads, path.read_text().splitlines()):
            if "accepted" in line:
                first, last = line["accepted"]
                self.accepted.update(by_seq[seq] for seq in range(first, last + 1))
                continue
            by_seq[line["seq"]] = line["sha256"]
            if line["sha256"] not in self.given and line["sensor_id"]:
                self.order[line["sensor_id"]].append(line["sha256"])
            self.given.add(line["sha256"])


def assert_nothing_lost_and_in_order(messages: list[Message], journal: JournalOfGiven) -> None:
    """Everything accepted is there, nothing else is, and each sensor's first arrivals are in the order of birth."""
    arrived = [digest(message) for message in messages]
    lost = journal.accepted - set(arrived)
    assert not lost, f"{len(lost)} of {len(journal.accepted)} accepted readings are lost"
    assert set(arrived) <= journal.given
    first_arrivals: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for message, its_digest in zip(messages, arrived, strict=True):
        if its_digest not in seen:
            first_arrivals[(message.key() or b"").decode()].append(its_digest)
        seen.add(its_digest)
    for sensor, born in journal.order.items():
        known = set(born)  # a journal names no sensor for bytes that are no JSON
        came = [one for one in first_arrivals[sensor] if one in known]
        assert came == [one for one in born if one in seen], f"readings of {sensor} overtook each other"
