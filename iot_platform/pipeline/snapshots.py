"""Answers of Kafka that are kept in the warehouse: lag, and the audits."""

from __future__ import annotations

from iot_platform.clock import Clock
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.statement import Statement
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import GroupFigures, group_lag
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.snapshots import LagRow, add_lag_snapshot, add_ledger_audit


def take_lag_snapshot(settings: Settings, clock: Clock) -> list[GroupFigures]:
    """Every group of every stream, as it is now and as it is kept."""
    clients = Clients(settings)
    groups = [group for stream in settings.streams for group in group_lag(clients, stream, clock)]
    rows = [
        LagRow(
            group.group, part.topic, part.partition, part.committed, part.end, part.high, part.messages, part.seconds
        )
        for group in groups
        for part in group.partitions
    ]
    with open_warehouse(settings) as connection:
        add_lag_snapshot(connection, clock.now(), rows)
    return groups


def keep_audits(settings: Settings, clock: Clock) -> list[Statement]:
    """Audit every stream, and keep the statements."""
    statements = [audit(settings, stream, clock) for stream in settings.streams]
    with open_warehouse(settings) as connection:
        for statement in statements:
            add_ledger_audit(connection, clock.now(), statement.as_document())
    return statements
