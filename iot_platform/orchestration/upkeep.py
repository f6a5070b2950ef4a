"""Let go of what Dagster would keep for ever: runs with their events and logs, observations, verdicts of checks.

What is kept, by age:

    cycles that succeeded      a day; then the last one of each hour, so that its partitions stay shown as built
    reports of a day under way the same; then the last one of each day
    every other run            `dagster.retention_days`, and so the last cycles of each hour
    observations of no run     three days
    verdicts of checks         three days, and the newest of each check
Ticks are Dagster's own to purge (`retention` in dagster.yaml).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from iot_platform.orchestration.assets.marts import CYCLE_TAG
from iot_platform.settings import Settings

CURRENT_REPORT_TAG = "iot/current_report"
"""On runs of `keep_report_current`."""
_REPEATED = (CYCLE_TAG, CURRENT_REPORT_TAG)
"""Runs that come again and again for one partition: the last one of it is what is worth keeping."""
_PARTITION_TAG = "dagster/partition"
_NO_RUN = ""
_AT_ONCE = 500
"""Runs looked at in one upkeep and kind: an hour brings 60, so that even a long pause is caught up soon."""


@dataclass(frozen=True)
class Kept:
    """How long what is kept."""

    runs: timedelta
    cycles: timedelta = timedelta(days=1)
    observations: timedelta = timedelta(days=3)

    @classmethod
    def of(cls, settings: Settings) -> Kept:
        """No kind is kept longer than `retention_days`."""
        runs = timedelta(days=settings.dagster.retention_days)
        return cls(runs, min(runs, cls.cycles), min(runs, cls.observations))


@dataclass(frozen=True)
class Removed:
    runs: int
    events: int
    verdicts: int

    @property
    def sentence(self) -> str:
        return (
            f"Removed {self.runs:,} old runs with their events and logs, {self.events:,} old observations and "
            f"{self.verdicts:,} old verdicts of checks."
        )


def remove_old(instance: dg.DagsterInstance, now: datetime, kept: Kept) -> Removed:
    """Remove what is older than `kept` says. Nothing that still runs is touched."""
    runs = 0
    for record in _old_runs(instance, now, kept):
        _remove_run(instance, record.dagster_run.run_id)
        runs += 1
    events, verdicts = _remove_events(instance, now - kept.observations)
    return Removed(runs, events, verdicts)


def _old_runs(instance: dg.DagsterInstance, now: datetime, kept: Kept) -> list[dg.RunRecord]:
    ended = [status for status in dg.DagsterRunStatus if status.value in ("SUCCESS", "FAILURE", "CANCELED")]
    old = instance.get_run_records(
        dg.RunsFilter(statuses=ended, created_before=now - kept.runs), limit=_AT_ONCE, ascending=True
    )
    return [*old, *(record for tag in _REPEATED for record in thinned(_repeated(instance, now, kept, tag)))]


def _repeated(instance: dg.DagsterInstance, now: datetime, kept: Kept, tag: str) -> Sequence[dg.RunRecord]:
    return instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS],
            tags={tag: "true"},
            created_before=now - kept.cycles,
            created_after=now - kept.runs,
        ),
        limit=_AT_ONCE + 24 * 60,
    )


def thinned(repeated: Iterable[dg.RunRecord]) -> Iterator[dg.RunRecord]:
    """Of runs, the newest first, all but the first of each partition."""
    seen: set[str] = set()
    for record in repeated:
        partition = record.dagster_run.tags.get(_PARTITION_TAG, "")
        if partition in seen:
            yield record
        seen.add(partition)


def _remove_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """The run, its events, its file of events, and what its ops printed."""
    instance.delete_run(run_id)
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        for end in ("", "-wal", "-shm", "-journal"):
            Path(storage.path_for_shard(run_id) + end).unlink(missing_ok=True)
    with suppress(NotImplementedError):  # logs kept elsewhere are not ours to remove
        instance.compute_log_manager.delete_logs(prefix=[run_id])


def _remove_events(instance: dg.DagsterInstance, before: datetime) -> tuple[int, int]:
    """Observations and other events of no run, and verdicts of checks; counts of both."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0, 0
    naive = before.replace(tzinfo=None)  # as Dagster stores its times: UTC, without a zone
    newest = db.select(db.func.max(AssetCheckExecutionsTable.c.id)).group_by(
        AssetCheckExecutionsTable.c.asset_key, AssetCheckExecutionsTable.c.check_name
    )
    old = SqlEventLogStorageTable.delete().where(
        SqlEventLogStorageTable.c.run_id == _NO_RUN, SqlEventLogStorageTable.c.timestamp < naive
    )
    if isinstance(storage, SqliteEventLogStorage):  # it keeps each twice: as of a run of no name, and in the index
        with storage.run_connection(_NO_RUN) as connection:
            connection.execute(old)
    with storage.index_connection() as connection:
        events = connection.execute(old)
        verdicts = connection.execute(
            AssetCheckExecutionsTable.delete().where(
                AssetCheckExecutionsTable.c.create_timestamp < naive, AssetCheckExecutionsTable.c.id.not_in(newest)
            )
        )
        return events.rowcount, verdicts.rowcount
