"""The audit: collect the figures of a stream, from its sources to its rows, and balance them.

Seconds for any history: what is loaded is in the warehouse's ledger, an hour a row; only what is not yet loaded is read
from Kafka. Traffic goes on meanwhile, so the output topics and the ledger are seen some transactions apart: where they
differ, both are looked at again, and only what no later look explains is a finding (`Tally.agrees_with`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from iot_platform.clock import Clock
from iot_platform.contract import ledger
from iot_platform.contract.topology import Topology
from iot_platform.pipeline.accounting import balance
from iot_platform.pipeline.findings import OUTPUT_CODES, Tally, output_tallies
from iot_platform.pipeline.statement import Figures, RawEnds, Statement
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import LogSpan, Place, log_spans
from iot_platform.stream.reader import AssignedReader
from iot_platform.stream.spool import SourceAccount, read_accounts
from iot_platform.warehouse.books import Books, LedgerSpan, read_books
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.workbench import RedriveAccount, read_redrive_account

_ATTEMPTS = 8
_PAUSE_SECONDS = 0.4
_OUTPUT_BATCH = 10_000
_LEDGER_BATCH = 100  # an entry has up to 900 kB
_GROUP = "audit"  # of no consequence: nothing is committed under it


def audit(settings: Settings, stream: str, _clock: Clock) -> Statement:
    """The statement of one stream, also while it runs.

    Raises KafkaUnavailableError when Kafka does not answer, WarehouseBusyError when the file stays held.
    """
    settings.stream(stream)
    clients, topology = Clients(settings), Topology(stream)
    first: Mapping[Place, Tally] = {}
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        figures = _collect(settings, clients, topology)
        tallies = output_tallies(figures, topology)
        first = first or tallies
        agreed = frozenset(place for place, tally in tallies.items() if first[place].agrees_with(tally))
        statement = balance(replace(figures, agreed=agreed))
        if not any(finding.code in OUTPUT_CODES for finding in statement.findings):
            break
    return statement


def _collect(settings: Settings, clients: Clients, topology: Topology) -> Figures:
    """The order matters: whatever is asked later may only know more than what was asked before."""
    sources: list[SourceAccount] = read_accounts(settings.spool_dir, topology.stream)
    with open_warehouse(settings, read_only=True) as connection:
        books = read_books(connection, topology.stream)
        redriven = read_redrive_account(connection, topology.stream)
    spans = log_spans(clients, [topology.validated, topology.dead_letters, topology.ledger])
    start = {place: _within(books.next_offsets.get(place, 0), span) for place, span in spans.items()}
    unloaded, entries = _read_unloaded(clients, topology, start)
    raw = log_spans(clients, [topology.raw])
    return Figures(
        stream=topology.stream,
        sources=[*sources, *_as_source(redriven)],
        raw={partition: RawEnds(span.low, span.high) for (_, partition), span in raw.items()},
        ledger=[*books.ledger, *entries],
        ranges=books.ranges,
        unloaded=unloaded,
        removed=_beyond(spans, books, before=True),
        beyond=_beyond(spans, books, before=False),
    )


def _as_source(redriven: RedriveAccount) -> list[SourceAccount]:
    """Dead letters that were sent again are raw records that no sensor sent: a source of their own."""
    if not redriven.born:
        return []
    waiting = redriven.born - redriven.acknowledged
    offsets = redriven.acknowledged_offsets
    return [SourceAccount("redrive", redriven.born, redriven.acknowledged, waiting, 0, 0, acknowledged_offsets=offsets)]


def _within(offset: int, span: LogSpan) -> int:
    return min(max(offset, span.low), span.high)


def _beyond(spans: Mapping[Place, LogSpan], books: Books, *, before: bool) -> dict[Place, int]:
    """How far the loaded offset lies before the log, or else behind it; places where it does not are left out."""
    far = {
        place: span.low - books.next_offsets.get(place, 0) if before else books.next_offsets.get(place, 0) - span.high
        for place, span in spans.items()
    }
    return {place: count for place, count in far.items() if count > 0}


def _read_unloaded(
    clients: Clients, topology: Topology, start: Mapping[Place, int]
) -> tuple[Counter[Place], list[LedgerSpan]]:
    """Records behind the loaded offsets: those of the output topics counted, those of the ledger read.

    The ends of the outputs are taken first, so a record that the ledger does not know is a surplus in truth.
    """
    ledger_start = {place: offset for place, offset in start.items() if place[0] == topology.ledger}
    output_start = {place: offset for place, offset in start.items() if place[0] != topology.ledger}
    counts: Counter[Place] = Counter()
    entries: list[LedgerSpan] = []
    with (
        AssignedReader(clients, _GROUP, output_start) as outputs,
        AssignedReader(clients, _GROUP, ledger_start) as ledgers,
    ):
        for batch in outputs.batches(_OUTPUT_BATCH):
            counts.update((message.topic(), message.partition()) for message in batch)
        for batch in ledgers.batches(_LEDGER_BATCH):
            entries += [_span(message.value()) for message in batch]
    return counts, entries


def _span(value: bytes) -> LedgerSpan:
    entry = ledger.decode(value)
    return LedgerSpan(
        entry.partition,
        entry.first,
        entry.last,
        entry.valid,
        entry.repaired,
        entry.dead,
        entry.duplicates,
        entry.gaps,
    )
