"""What became of all that was sent: read from Kafka and from the warehouse, never from a component's counters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from iot_platform.clock import SystemClock
from iot_platform.contract import dead_letter
from iot_platform.contract.dead_letter import Provenance
from iot_platform.contract.ledger import LedgerEntry
from iot_platform.contract.topology import Topology
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.statement import Statement
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import LogSpan, Place, log_spans
from iot_platform.stream.spool import SourceAccount, read_accounts
from iot_platform.warehouse.connection import open_warehouse
from tests.faults.sent import Sent, read_sent
from tests.support.topics import Kept, read_all, read_ledger


class Row(NamedTuple):
    """A row of the warehouse: what it is (a message id, or the source's topic, partition and offset), and its place."""

    what: str
    partition: int
    kafka_offset: int


@dataclass(frozen=True)
class Evidence:
    """Everything an invariant looks at. Topics as a read_committed reader sees them, by partition and offset."""

    topology: Topology
    sent: Sent
    raw: Sequence[Kept]
    validated: Sequence[Kept]
    dead: Sequence[Kept]
    ledger: Sequence[LedgerEntry]
    readings: Sequence[Row]
    dead_rows: Sequence[Row]
    next_offsets: dict[Place, int]
    spans: dict[Place, LogSpan]
    accounts: Sequence[SourceAccount]
    statement: Statement

    @property
    def known_missing(self) -> int:
        """Readings that the spools count as refused for good or set aside as damaged: visible, so not lost."""
        return sum(account.refused + account.quarantined for account in self.accounts)

    def sha_as_sent(self, kept: Kept) -> str:
        """Of a validated record: a repaired one stands for the bytes that were sent under its id."""
        if dead_letter.REPAIRED in dict(kept.headers):
            return self.sent.sha_of.get(id_of(kept), "")
        return sha(kept)

    def provenance(self, kept: Kept) -> Provenance:
        return dead_letter.from_headers(kept.headers)


def gather(settings: Settings, stream: str, lists: Sequence[Path]) -> Evidence:
    """Read all there is, once."""
    topology = Topology(stream)
    with open_warehouse(settings, read_only=True) as connection:
        readings = connection.execute(
            "SELECT message_id::VARCHAR, partition, kafka_offset FROM readings WHERE stream = ?", [stream]
        ).fetchall()
        dead_rows = connection.execute(
            "SELECT concat_ws('/', source_topic, source_partition, source_offset), partition, kafka_offset"
            " FROM dead_letters WHERE stream = ?",
            [stream],
        ).fetchall()
        offsets = connection.execute("SELECT topic, partition, next_offset FROM topic_offsets").fetchall()
    return Evidence(
        topology=topology,
        sent=read_sent(lists),
        raw=read_all(settings, topology.raw),
        validated=read_all(settings, topology.validated),
        dead=read_all(settings, topology.dead_letters),
        ledger=read_ledger(settings, stream),
        readings=[Row(*row) for row in readings],
        dead_rows=[Row(*row) for row in dead_rows],
        next_offsets={(topic, partition): offset for topic, partition, offset in offsets},
        spans=log_spans(Clients(settings), topology.topics),
        accounts=read_accounts(settings.spool_dir, stream),
        statement=audit(settings, stream, SystemClock()),
    )


def sha(kept: Kept) -> str:
    return hashlib.sha256(kept.value or b"").hexdigest()


def id_of(kept: Kept) -> str:
    message_id: str = json.loads(kept.value or b"{}")["message_id"]
    return message_id
