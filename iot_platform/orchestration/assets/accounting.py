"""What is asked of Kafka and kept in the warehouse: lag, and the books of each stream."""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.orchestration.assets.shown import OWNER, POOL, Group, column_schema, figures, table_preview
from iot_platform.orchestration.failing import failing
from iot_platform.quality.tables import MARTS
from iot_platform.settings import Settings, load_settings
from iot_platform.supervision.status import read_heartbeats
from iot_platform.warehouse.schema import Tables


def accounting_assets(settings: Settings, columns: Tables) -> list[dg.AssetsDefinition]:
    """lag_snapshots and ledger_audit."""
    topologies = [Topology(stream) for stream in settings.streams]

    @dg.asset(
        deps=[dg.AssetKey(topology.raw) for topology in topologies],
        group_name=Group.ACCOUNTING,
        kinds={"kafka", "duckdb"},
        owners=[OWNER],
        pool=POOL,
        description=MARTS["lag_snapshots"].description,
        metadata={"dagster/column_schema": column_schema(columns["lag_snapshots"]), "table": "lag_snapshots"},
    )
    def lag_snapshots() -> dg.MaterializeResult[None]:
        """Ask Kafka how far each group is behind, and keep the answer."""
        return _lag_snapshots(load_settings())

    @dg.asset(
        deps=["readings", "dead_letters", *[dg.AssetKey(topology.ledger) for topology in topologies]],
        group_name=Group.ACCOUNTING,
        kinds={"kafka", "duckdb"},
        owners=[OWNER],
        pool=POOL,
        description=MARTS["ledger_audit"].description,
        metadata={"dagster/column_schema": column_schema(columns["ledger_audit"]), "table": "ledger_audit"},
    )
    def ledger_audit(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Balance the books of every stream, and keep the statement."""
        return _ledger_audit(context, load_settings())

    return [lag_snapshots, ledger_audit]


def _lag_snapshots(settings: Settings) -> dg.MaterializeResult[None]:
    from iot_platform.pipeline.snapshots import take_lag_snapshot  # noqa: PLC0415 - DuckDB takes a moment

    beats = read_heartbeats(settings.heartbeat_dir, SystemClock())
    with failing():
        report, samples = take_lag_snapshot(settings, SystemClock(), beats)
    ours = [group for group in report.groups if group.group in report.own]
    plotted = {
        **{f"{group.group}: seconds behind": group.seconds for group in ours},
        **{f"{group.group}: messages": group.messages for group in ours},
        **{f"{one.process}: CPU (% of a core)": 100 * one.cpu_share for one in samples if one.cpu_share is not None},
        **{f"{one.process}: memory (MB)": one.memory_bytes / 1e6 for one in samples},
        **{f"{one.process}: a write (ms)": 1e3 * one.write_seconds for one in samples if one.write_seconds is not None},
    }
    rows = [
        {
            "group": group.group,
            "status": str(group.status),
            "messages": group.messages,
            "seconds behind": round(group.seconds, 1),
            "says": group.text,
        }
        for group in report.groups
    ]
    return dg.MaterializeResult(metadata={**figures(plotted), "groups": table_preview(rows)})


def _ledger_audit(context: dg.AssetExecutionContext, settings: Settings) -> dg.MaterializeResult[None]:
    from iot_platform.pipeline.snapshots import keep_audits  # noqa: PLC0415 - DuckDB takes a moment

    with failing():
        statements = keep_audits(settings, SystemClock())
    for statement in statements:
        for finding in statement.findings:
            context.log.error(f"{statement.stream}: {finding.text} {finding.next_step}")
    names = ("stream", "raw", "valid", "repaired", "dead", "duplicates", "in_flight", "unaccounted")
    rows = [{name: getattr(statement, name) for name in names} for statement in statements]
    unaccounted = {f"{statement.stream}: unaccounted": statement.unaccounted for statement in statements}
    return dg.MaterializeResult(metadata={**figures(unaccounted), "books": table_preview(rows)})
