"""What the source's own list promises, against what is in the topics and in the warehouse."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from iot_platform.contract import dead_letter
from iot_platform.contract.redrive import REDRIVEN_FROM
from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import log_spans
from iot_platform.stream.reader import AssignedReader, Message
from iot_platform.warehouse.books import message_ids
from iot_platform.warehouse.connection import open_warehouse

_GROUP = "promise"  # of no consequence: nothing is committed under it
_BATCH = 5_000


@dataclass
class Promise:
    """Payload hashes of what was accepted for certain, by what the source knows them to be."""

    valid: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    valid_ids: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    """Everything handed over, accepted for certain or not: it may appear, nothing else may."""
    sha_of: dict[str, str] = field(default_factory=dict)
    """Of each message id; a repaired record has other bytes, and is known by its id."""


def read_promise(path: Path) -> Promise:
    """A torn last line was never fsynced: it promises nothing."""
    promise = Promise()
    pending: dict[int, dict[str, str]] = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "accepted" not in entry:
            pending[entry["seq"]] = entry
            promise.given.add(entry["sha256"])
            if entry["class"] == "valid":
                promise.sha_of[entry["message_id"]] = entry["sha256"]
            continue
        first, last = entry["accepted"]
        for seq in range(first, last + 1):
            given = pending.pop(seq)
            if given["class"] == "dead":
                promise.dead.add(given["sha256"])
            else:
                promise.valid.add(given["sha256"])
                promise.valid_ids.add(given["message_id"])
    return promise


@dataclass(frozen=True)
class Verdict:
    """What became of `accepted` readings."""

    accepted: int
    lost: int
    doubled: int
    invented: int

    @property
    def holds(self) -> bool:
        return (self.lost, self.doubled, self.invented) == (0, 0, 0)


def compare(settings: Settings, stream: str, promise: Promise) -> Verdict:
    """Lost: accepted and nowhere. Doubled: valid more than once, in topic or warehouse. Invented: never given.

    What was sent again from the dead letters may have other bytes: it is known by the dead letter that it came from.
    Of a stream at rest, with everything loaded. Raises KafkaUnavailableError, WarehouseBusyError.
    """
    topology = Topology(stream)
    valid: Counter[str] = Counter()
    redriven: Counter[str] = Counter()
    for message in _records(settings, topology.validated):
        if origin := _header(message, REDRIVEN_FROM):
            redriven[origin] += 1
        else:
            valid[_sha_given(message, promise)] += 1
    dead, letters = set(), set()
    for message in _records(settings, topology.dead_letters):
        letters.add(_header(message, dead_letter.SOURCE))
        if not _header(message, REDRIVEN_FROM):
            dead.add(_sha(message.value()))
    with open_warehouse(settings, read_only=True) as connection:
        rows = message_ids(connection, stream)
    lost = len(promise.valid - valid.keys()) + len(promise.dead - dead) + len(promise.valid_ids - rows.keys())
    doubled = sum(count - 1 for counts in (valid, redriven, rows) for count in counts.values())
    invented = len((valid.keys() | dead) - promise.given) + len(redriven.keys() - letters)
    return Verdict(len(promise.valid) + len(promise.dead), lost, doubled, invented)


def _records(settings: Settings, topic: str) -> Iterator[Message]:
    """All committed records that the topic holds now."""
    clients = Clients(settings)
    start = dict.fromkeys(log_spans(clients, [topic]))
    with AssignedReader(clients, _GROUP, start) as reader:
        for batch in reader.batches(_BATCH):
            yield from batch


def _header(message: Message, name: str) -> str | None:
    value = dict(message.headers() or ()).get(name)
    return value.decode() if value else None


def _sha_given(message: Message, promise: Promise) -> str:
    """Of the bytes that the source gave: a repaired record has others, and is known by its id."""
    if dead_letter.REPAIRED in dict(message.headers() or ()):
        return promise.sha_of[json.loads(message.value())["message_id"]]
    return _sha(message.value())


def _sha(value: bytes | None) -> str:
    return hashlib.sha256(value or b"").hexdigest()
