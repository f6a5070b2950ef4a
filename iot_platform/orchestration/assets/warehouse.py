"""The warehouse's tables as assets: loaded from Kafka, and the copy for readers at the end."""

# No `from __future__ import annotations` where there are ops: Dagster reads their annotations.

from collections.abc import Iterator
from typing import Any

import dagster as dg

from iot_platform.clock import SystemClock
from iot_platform.contract.topology import Topology
from iot_platform.lifecycle import Bounds, Heartbeat, Stop
from iot_platform.orchestration.assets.shown import OWNER, POOL, Group, column_schema, figures, table_preview
from iot_platform.orchestration.failing import failing
from iot_platform.quality.tables import MARTS
from iot_platform.settings import Settings, load_settings
from iot_platform.warehouse.schema import Tables

LONGEST_LOAD_SECONDS = 45.0
"""A load that cannot catch up leaves the rest to the next one, so that others get the warehouse in between."""

_NEWEST = {
    "readings": "SELECT sensor_id, sensor_type, value, unit, generated_at, accepted_at, location, stream FROM readings "
    "ORDER BY load_id DESC, accepted_at DESC LIMIT 10",
    "dead_letters": "SELECT codes, sensor_id, accepted_at, source_topic, source_partition, source_offset, stream "
    "FROM dead_letters ORDER BY load_id DESC, accepted_at DESC LIMIT 10",
}
_DESCRIPTIONS = {
    "readings": "Valid readings, each once: rows and Kafka offsets change in one DuckDB transaction. Materialize it to "
    "load what Kafka holds now. Ask it with `iot-platform query`.",
    "dead_letters": "Records that broke a rule, with the reasons and the original bytes. Begin with dlq_summary; "
    "`iot-platform dlq show SOURCE` shows one.",
}


def load_asset(settings: Settings, columns: Tables) -> dg.AssetsDefinition:
    """One load brings readings and dead letters of every stream together."""
    topologies = [Topology(stream) for stream in settings.streams]
    feeds = {
        "readings": [dg.AssetKey(topology.validated) for topology in topologies],
        "dead_letters": [dg.AssetKey(topology.dead_letters) for topology in topologies],
    }
    specs = [
        dg.AssetSpec(
            name, deps=feeds[name], group_name=Group.WAREHOUSE, kinds={"duckdb"}, owners=[OWNER],
            description=_DESCRIPTIONS[name],
            metadata={"dagster/column_schema": column_schema(columns[name]), "table": name},
        )
        for name in feeds
    ]  # fmt: skip

    @dg.multi_asset(name="load", specs=specs, pool=POOL)
    def load(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        """Load what Kafka holds now, bounded in time."""
        yield from _load(context, load_settings())

    return load


def _load(context: dg.AssetExecutionContext, settings: Settings) -> Iterator[dg.MaterializeResult[None]]:
    from iot_platform.pipeline.loader import run_loader  # noqa: PLC0415 - Arrow and polars take a second of every load
    from iot_platform.supervision.status import read_json  # noqa: PLC0415
    from iot_platform.warehouse.connection import open_warehouse  # noqa: PLC0415
    from iot_platform.warehouse.marts import ask_rows  # noqa: PLC0415

    clock = SystemClock()
    with failing():
        loaded = run_loader(
            settings, clock=clock, stop=Stop(), publish=False,
            bounds=Bounds(until_caught_up=True, seconds=LONGEST_LOAD_SECONDS),
            heartbeat=Heartbeat(settings.heartbeat_dir / "loader.json", clock),
        )  # fmt: skip
    context.log.info(f"{loaded.readings:,} readings and {loaded.dead_letters:,} dead letters loaded.")
    totals = read_json(settings.state_dir / "totals.json")
    counts = {"readings": totals["readings"], "dead_letters": totals["dead_letters"]["total"]}
    with open_warehouse(settings, read_only=True) as connection:
        newest = {name: ask_rows(connection, sql, {}) for name, sql in _NEWEST.items()}
    for name, rows in {"readings": loaded.readings, "dead_letters": loaded.dead_letters}.items():
        metadata: dict[str, Any] = {
            "dagster/row_count": counts[name],
            **figures({"rows loaded": rows, "waiting in Kafka": loaded.remaining}),
            "newest": table_preview(newest[name]),
        }
        yield dg.MaterializeResult(name, metadata=metadata)


@dg.asset(
    deps=["readings", "dead_letters", *MARTS],
    group_name=Group.READERS,
    kinds={"duckdb", "parquet"},
    owners=[OWNER],
    pool=POOL,
    description="The copy of the warehouse for people and BI tools: Parquet by day and one DuckDB file over it, "
    "renamed into place, so that it blocks nobody. `iot-platform query` opens it.",
)
def readers_copy() -> dg.MaterializeResult[None]:
    """Bring the copy up to the newest load and marts."""
    from iot_platform.pipeline.publish import CATALOGUE, Publisher  # noqa: PLC0415 - DuckDB takes a moment

    settings = load_settings()
    Publisher(settings, SystemClock()).publish(always=True)
    files = [path for path in settings.published_dir.rglob("*") if path.is_file()]
    size_bytes = sum(path.stat().st_size for path in files)
    return dg.MaterializeResult(
        metadata={
            "files": len(files),
            "megabytes": round(size_bytes / 1e6, 2),
            "open it": dg.MetadataValue.md(f"`duckdb -readonly {settings.published_dir / CATALOGUE}`"),
        }
    )
