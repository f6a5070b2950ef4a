"""Answers of Kafka that are kept in the warehouse: lag, and the audits."""

from __future__ import annotations

from iot_platform.clock import Clock
from iot_platform.pipeline.audit import audit
from iot_platform.pipeline.lag import LagReport, watch_lag
from iot_platform.pipeline.processes import Beats, samples_of
from iot_platform.pipeline.statement import Statement
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.process_samples import ProcessSample, add_samples, last_samples
from iot_platform.warehouse.snapshots import LagRow, add_lag_snapshot, add_ledger_audit
from iot_platform.watch.lag.verdict import PartitionLag


def take_lag_snapshot(settings: Settings, clock: Clock, beats: Beats) -> tuple[LagReport, list[ProcessSample]]:
    """Every group that is watched, and the processes whose signs of life are `beats`, as they are now and as kept."""
    report = watch_lag(settings, clock)
    now = clock.now()
    with open_warehouse(settings) as connection:
        add_lag_snapshot(connection, now, lag_rows(report))
        samples = samples_of(beats, last_samples(connection), now)
        add_samples(connection, samples)
    return report, samples


def lag_rows(report: LagReport) -> list[LagRow]:
    """A row for each group and partition."""
    return [
        _row(part, group.group, own=group.group in report.own) for group in report.groups for part in group.partitions
    ]


def _row(part: PartitionLag, group: str, *, own: bool) -> LagRow:
    look = part.course.now
    return LagRow(
        group, part.topic, part.partition, look.committed, look.end, look.high, part.messages, part.behind.seconds,
        own, str(part.status), part.rates.inflow, part.rates.outflow, part.catch_up_seconds,
        part.retention_left_seconds, part.text,
    )  # fmt: skip


def keep_audits(settings: Settings, clock: Clock) -> list[Statement]:
    """Audit every stream, and keep the statements."""
    statements = [audit(settings, stream, clock) for stream in settings.streams]
    with open_warehouse(settings) as connection:
        for statement in statements:
            add_ledger_audit(connection, clock.now(), statement.as_document())
    return statements
