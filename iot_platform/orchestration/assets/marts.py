"""Marts as assets: hourly ones by partition, so that a person can backfill hours; the others as they are."""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

from collections.abc import Iterator, Sequence

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.orchestration.assets.shown import OWNER, POOL, Group, column_schema, figures, table_preview
from iot_platform.orchestration.failing import failing
from iot_platform.quality.hours import Hours
from iot_platform.quality.tables import MARTS, Mart
from iot_platform.settings import load_settings
from iot_platform.warehouse.schema import Column, Tables

CYCLE_TAG = "iot/cycle"
"""On runs that a sensor started: they build what loads touched, late hours too, and not just their partition."""


def mart_assets(partitions: dg.PartitionsDefinition, columns: Tables) -> list[dg.AssetsDefinition]:
    """One op for the hourly marts and one for the others; each mart can be materialized alone."""
    built = [mart for mart in MARTS.values() if not mart.stored]

    @dg.multi_asset(
        name="hourly_marts",
        specs=[_spec(mart, columns[mart.name]) for mart in built if mart.hourly],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=POOL,
    )
    def hourly_marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Build the selected marts: the partition's hours, or in a cycle what loads touched."""
        window = context.partition_time_window
        hours = None if CYCLE_TAG in context.run.tags else Hours(window.start, window.end)
        yield from _build(context, hours)

    @dg.multi_asset(
        name="whole_marts",
        specs=[_spec(mart, columns[mart.name]) for mart in built if not mart.hourly],
        can_subset=True,
        pool=POOL,
    )
    def whole_marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Build the selected marts: daily ones by the days that changed, whole ones anew."""
        yield from _build(context, None)

    return [hourly_marts, whole_marts]


def _spec(mart: Mart, columns: Sequence[Column]) -> dg.AssetSpec:
    sources = [source if source != "ledger" else "readings" for source in mart.sources]
    return dg.AssetSpec(
        mart.name,
        deps=sorted(set(sources)),
        group_name=Group.QUALITY,
        kinds={"duckdb", "sql"},
        owners=[OWNER],
        description=f"{mart.description}\n\nBuilt by `sql/marts/{mart.name}.sql`.",
        metadata={"dagster/column_schema": column_schema(columns), "table": mart.name},
    )


def _build(context: dg.AssetExecutionContext, hours: Hours | None) -> Iterator[dg.MaterializeResult[None]]:
    from iot_platform.quality.marts import build, catalogues_of  # noqa: PLC0415 - DuckDB takes a moment of every load
    from iot_platform.warehouse.connection import open_warehouse  # noqa: PLC0415

    settings, now = load_settings(), SystemClock().now()
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    catalogues = catalogues_of(settings)
    with failing(), open_warehouse(settings) as connection:
        every = [
            build(connection, mart, now=now, catalogues=catalogues, hours=hours)
            for mart in MARTS.values()
            if mart.name in selected
        ]
    for built in every:
        context.log.info(f"{built.mart}: {built.changed:,} rows changed, {built.rows:,} in all.")
        yield dg.MaterializeResult(
            built.mart,
            metadata={
                "dagster/row_count": built.rows,
                **figures({"rows changed": built.changed, **built.figures}),
                "preview": table_preview(built.preview),
            },
        )
