"""The loader: validated records, dead letters and the ledger into DuckDB.

Rows and the offsets they came from change in one DuckDB transaction, so a crash at any point loses and doubles nothing.
The same offsets then go to Kafka under the group `loader-<stream>`, only so that the lag can be seen there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from iot_platform.clock import Clock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.ledger_rows import row_of
from iot_platform.contract.topology import Topology
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import write_if_possible
from iot_platform.pipeline import columns
from iot_platform.pipeline.redriven import became_valid, dead_again
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.reader import AssignedReader, Message, Place, partition_counts, topic_ids
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.totals import read_totals
from iot_platform.warehouse.workbench import conclude_duplicates
from iot_platform.warehouse.writer import LoadTransaction, read_offsets


@dataclass
class LoadResult:
    """Rows loaded, and transactions that brought them."""

    readings: int = 0
    dead_letters: int = 0
    ledger_entries: int = 0
    transactions: int = 0
    remaining: int = 0
    """Offsets that were there at the start and are not loaded yet."""

    @property
    def records(self) -> int:
        return self.readings + self.dead_letters + self.ledger_entries

    def __iadd__(self, other: LoadResult) -> LoadResult:
        self.readings += other.readings
        self.dead_letters += other.dead_letters
        self.ledger_entries += other.ledger_entries
        self.transactions += other.transactions
        self.remaining = other.remaining
        return self


@dataclass
class _Batch:
    """Records of one stream, by what they are."""

    validated: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    ledger: list[Message] = field(default_factory=list)


_LATE_FACTOR = 4


def rows_at_once(waiting: int, usual: int) -> int:
    """Most records in one transaction: the more wait, the more, up to four times as many as usual.

    To open the file and to close it costs the same for few as for many (docs/decisions/0033-late-loads.md).
    """
    return min(_LATE_FACTOR * usual, max(usual, waiting))


def load_stream(settings: Settings, clients: Clients, stream: str, clock: Clock, most: int | None = None) -> LoadResult:
    """Load what Kafka holds of one stream now, at most `most` records.

    A place that this warehouse never loaded begins where Kafka's log begins: the audit tells what was removed before.
    Raises KafkaUnavailableError, WarehouseBusyError (nothing is lost: try again) or OffsetsLostError.
    """
    topology = Topology(stream)
    topics = [topology.validated, topology.dead_letters, topology.ledger]
    ids = topic_ids(clients, topics)
    counts = partition_counts(clients, topics)
    with open_warehouse(settings) as connection:
        stored = read_offsets(connection, ids)
    before: dict[Place, int | None] = {
        (topic, at): stored.get((topic, at)) for topic in topics for at in range(counts[topic])
    }
    result = LoadResult()
    with AssignedReader(clients, topology.loader_group, before) as reader:
        size = rows_at_once(reader.remaining, settings.warehouse.batch_rows)
        size = size if most is None else min(most, size)
        for messages in reader.batches(size):
            result += _load_batch(settings, topology, ids, before, dict(reader.positions), messages, clock)
            before = dict(reader.positions)
            if most is not None and result.records >= most:
                break
        if before != reader.positions:  # only control records and aborted ones were left, or the first load of all
            result += _load_batch(settings, topology, ids, before, dict(reader.positions), [], clock)
        result.remaining = reader.remaining
        if result.transactions:
            reader.commit()
    return result


def _load_batch(
    settings: Settings,
    topology: Topology,
    ids: Mapping[str, str],
    before: Mapping[Place, int | None],
    after: Mapping[Place, int],
    messages: list[Message],
    clock: Clock,
) -> LoadResult:
    """One transaction: decode first, then open, write and close."""
    batch = _sort(topology, messages)
    readings = columns.readings(batch.validated) if batch.validated else None
    dead = columns.dead_letters(batch.dead) if batch.dead else None
    rows = [row_of(entry) for entry in columns.ledger_entries(batch.ledger)]
    again, exhausted = dead_again(batch.dead, settings.dlq.max_attempts)
    redriven = [*became_valid(batch.validated), *again]
    fill_location = _fills_location(settings, topology.stream)
    faultpoint("loader.before_begin")
    with open_warehouse(settings) as connection, LoadTransaction(connection, clock.now()) as transaction:
        faultpoint("loader.after_begin")
        if readings is not None:
            transaction.add_readings(topology.stream, readings, fill_location=fill_location)
        if dead is not None:
            transaction.add_dead_letters(topology.stream, dead)
        if rows:
            transaction.add_ledger(topology.stream, rows)
        if redriven:
            transaction.add_redriven(topology.stream, redriven, exhausted)
        faultpoint("loader.after_rows")
        moved = {place: offset for place, offset in after.items() if offset != before[place]}
        transaction.advance(ids, before, moved)
        faultpoint("loader.after_offsets")
    faultpoint("loader.after_commit")
    return LoadResult(len(batch.validated), len(batch.dead), len(batch.ledger), 1)


def _fills_location(settings: Settings, stream: str) -> bool:
    """Whether the stream's catalogue has a missing location filled with the last known one."""
    return load_catalogue(settings.stream(stream).catalogue).nulls["location"] == "last_known"


def _sort(topology: Topology, messages: list[Message]) -> _Batch:
    batch = _Batch()
    target = {
        topology.validated: batch.validated,
        topology.dead_letters: batch.dead,
        topology.ledger: batch.ledger,
    }
    for message in messages:
        target[message.topic()].append(message)
    return batch


def load_once(settings: Settings, clients: Clients, clock: Clock, most: int | None = None) -> LoadResult:
    """Load every stream, say what became of records that were sent again, and write the totals for `status`."""
    result = LoadResult()
    remaining = 0
    caught_up = []
    for stream in settings.streams:
        left = None if most is None else most - result.records
        if left is not None and left <= 0:
            break
        loaded = load_stream(settings, clients, stream, clock, left)
        remaining += loaded.remaining
        result += loaded
        if loaded.remaining == 0:
            caught_up.append(stream)
    result.remaining = remaining
    _conclude(settings, caught_up, clock)
    return result


def _conclude(settings: Settings, caught_up: list[str], clock: Clock) -> None:
    with open_warehouse(settings) as connection:
        for stream in caught_up:
            conclude_duplicates(connection, stream, clock.now())
        totals = read_totals(connection)
    document = {"at": clock.now().isoformat(), **totals}
    write_if_possible(settings.state_dir / "totals.json", json.dumps(document))
