"""The loader: validated records, dead letters and the ledger into DuckDB.

Rows and the offsets they came from change in one DuckDB transaction, so a crash at any point loses and doubles nothing.
The same offsets then go to Kafka under the group `loader-<stream>`, only so that the lag can be seen there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from iot_platform.clock import Clock
from iot_platform.contract.catalogue import load_catalogue
from iot_platform.contract.ledger_rows import row_of
from iot_platform.contract.topology import Topology
from iot_platform.errors import KafkaUnavailableError, UnavailableError
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import Bounds, Heartbeat, Limit, Stop, lease, write_if_possible
from iot_platform.pipeline import columns
from iot_platform.pipeline.publish import Publisher
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.reader import AssignedReader, Message, Place, partition_counts, topic_ids
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.retention import remove_before
from iot_platform.warehouse.totals import read_totals
from iot_platform.warehouse.writer import LoadTransaction, read_offsets

log = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 30.0


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
        size = settings.warehouse.batch_rows if most is None else min(most, settings.warehouse.batch_rows)
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
    fill_location = _fills_location(settings, topology.stream)
    with open_warehouse(settings) as connection, LoadTransaction(connection, clock.now()) as transaction:
        faultpoint("loader.after_begin")
        if readings is not None:
            transaction.add_readings(topology.stream, readings, fill_location=fill_location)
        if dead is not None:
            transaction.add_dead_letters(topology.stream, dead)
        if rows:
            transaction.add_ledger(topology.stream, rows)
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
    """Load every stream, then write the totals for `status`."""
    result = LoadResult()
    remaining = 0
    for stream in settings.streams:
        left = None if most is None else most - result.records
        if left is not None and left <= 0:
            break
        loaded = load_stream(settings, clients, stream, clock, left)
        remaining += loaded.remaining
        result += loaded
    result.remaining = remaining
    _write_totals(settings, clock)
    return result


def _write_totals(settings: Settings, clock: Clock) -> None:
    with open_warehouse(settings) as connection:
        totals = read_totals(connection)
    document = {"at": clock.now().isoformat(), **totals}
    write_if_possible(settings.state_dir / "totals.json", json.dumps(document))


def run_loader(settings: Settings, *, clock: Clock, stop: Stop, bounds: Bounds, heartbeat: Heartbeat) -> LoadResult:
    """Load again and again, and renew the reader's copy, until stopped or the bounds are reached.

    What can pass (Kafka away, the file held by another) is waited out and told in the heartbeat; in a bounded run it
    is raised. Raises AlreadyRunningError when a loader runs already.
    """
    with lease(settings.lease_dir / "loader.lock", "The loader"):
        return _Loader(settings, clock, stop, heartbeat).run(Limit(bounds, clock), bounded=bounds != Bounds())


class _Loader:
    def __init__(self, settings: Settings, clock: Clock, stop: Stop, heartbeat: Heartbeat) -> None:
        self._settings = settings
        self._clients = Clients(settings)
        self._clock = clock
        self._stop = stop
        self._heartbeat = heartbeat
        self._publisher = Publisher(settings, clock)
        self._total = LoadResult()
        self._failures = 0
        self._last_error = ""
        self._removed_on: date | None = None

    def run(self, limit: Limit, *, bounded: bool) -> LoadResult:
        while not (self._stop.requested or limit.reached):
            try:
                loaded = load_once(self._settings, self._clients, self._clock, limit.remaining)
                self._publisher.publish_when_due()
                self._remove_when_due()
            except UnavailableError as error:
                self._on_failure(error, bounded=bounded)
                continue
            self._total += loaded
            limit.add(loaded.records)
            self._failures, self._last_error = 0, ""
            self._heartbeat.beat(self._facts(), now=True)
            if limit.until_caught_up and loaded.remaining == 0:
                break
            if loaded.remaining == 0:
                self._wait(self._settings.warehouse.load_interval_seconds)
        self._publisher.publish()
        self._heartbeat.beat(self._facts(), now=True)
        return self._total

    def _remove_when_due(self) -> None:
        """Once a day, what retention lets go, from the warehouse and from the reader's copy."""
        today = self._clock.now().date()
        days = self._settings.warehouse.retention_days
        if days is None or self._removed_on == today:
            return
        first_kept = today - timedelta(days=days)
        with open_warehouse(self._settings) as connection:
            removed = remove_before(connection, first_kept)
        self._publisher.remove_before(first_kept)
        self._removed_on = today
        if removed:
            log.info("removed %d rows loaded before %s", removed, first_kept)

    def _on_failure(self, error: UnavailableError, *, bounded: bool) -> None:
        self._failures += 1
        self._last_error = str(error)
        self._heartbeat.beat(self._facts(), now=True)
        if bounded and isinstance(error, KafkaUnavailableError):
            raise error
        log.warning("load postponed: %s", error)
        self._wait(min(_LONGEST_WAIT_SECONDS, self._settings.warehouse.load_interval_seconds * self._failures))

    def _wait(self, seconds: float) -> None:
        """Wait, with a sign of life each second."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0 and not self._stop.wait(min(1.0, left)):
            self._heartbeat.beat(self._facts())

    def _facts(self) -> dict[str, Any]:
        return {
            "readings": self._total.readings,
            "dead_letters": self._total.dead_letters,
            "transactions": self._total.transactions,
            "failures": self._failures,
            "last_error": self._last_error,
        }
