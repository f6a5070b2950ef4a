"""A past for an instance of Dagster: runs and events of any age, without waiting for them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

SENTINEL = datetime(2026, 6, 1, tzinfo=UTC)
"""Pasts are before it, and what Dagster writes now is after it: that is how `settle` finds what is new."""


@dg.asset
def mart() -> None:
    """An asset to tell of."""


@dg.job
def some_job() -> None:
    """A job to have runs of."""


@dataclass(frozen=True)
class Past:
    """Makes a past for an instance on SQLite."""

    instance: dg.DagsterInstance

    def run(self, at: datetime, status: dg.DagsterRunStatus, tags: dict[str, str] | None = None) -> str:
        """A run made at `at` that materialized an asset and judged its check."""
        run = self.instance.create_run_for_job(some_job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        self._tell(run, "ASSET_MATERIALIZATION", StepMaterializationData(dg.AssetMaterialization("mart"), []))
        self._tell(run, "ASSET_CHECK_EVALUATION", verdict("lag"))
        if status is dg.DagsterRunStatus.FAILURE:
            self.instance.report_run_failed(run)
        elif status is dg.DagsterRunStatus.CANCELED:
            self.instance.report_run_canceled(run)
        elif status is not dg.DagsterRunStatus.STARTED:
            end = {"SUCCESS": "PIPELINE_SUCCESS", "CANCELING": "PIPELINE_CANCELING"}[status.value]
            self._tell(run, end, None)
        self.settle(at)
        return run.run_id

    def observe(self, at: datetime, asset: str = "topic") -> None:
        """An observation of no run."""
        self.instance.report_runless_asset_event(dg.AssetObservation(asset, metadata={"behind (messages)": 7}))
        self.settle(at)

    def judge(self, at: datetime, check: str) -> None:
        """A verdict of no run."""
        self.instance.report_runless_asset_event(verdict(check))
        self.settle(at)

    def settle(self, at: datetime) -> None:
        """What Dagster has written just now was written at `at`."""
        for path in filter(Path.exists, (self.runs_file, self.index_file, self.runless_file)):
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("PRAGMA synchronous = OFF")
                for table, column in _TIMES:
                    if _has(connection, table):
                        _move(connection, table, column, at)

    def move_run(self, run_id: str, at: datetime) -> None:
        """As if this run had been made at `at`."""
        with closing(sqlite3.connect(self.runs_file)) as connection, connection:
            connection.execute("UPDATE runs SET create_timestamp = ? WHERE run_id = ?", [_text(at), run_id])

    def _tell(self, run: dg.DagsterRun, kind: str, data: object) -> None:
        event = DagsterEvent(kind, run.job_name, event_specific_data=data)  # type: ignore[arg-type]
        self.instance.report_dagster_event(event, run.run_id)

    @property
    def root(self) -> Path:
        return Path(self.instance.root_directory)

    @property
    def shards(self) -> Path:
        """Where each run has a file for its events."""
        storage = self.instance.event_log_storage
        assert isinstance(storage, SqliteEventLogStorage)
        return Path(storage.path_for_shard("index")).parent

    @property
    def index_file(self) -> Path:
        return self.shards / "index.db"

    @property
    def runless_file(self) -> Path:
        return self.shards / ".db"

    @property
    def runs_file(self) -> Path:
        (found,) = self.root.rglob("runs.db")
        return found

    @property
    def run_ids(self) -> set[str]:
        return {run.run_id for run in self.instance.get_runs()}

    def bytes(self) -> int:
        """All files of runs and events."""
        return sum(path.stat().st_size for path in self.runs_file.parent.rglob("*") if path.is_file())

    def rows(self) -> Counter[str]:
        """Rows by file and table, but for files of one run."""
        counts: Counter[str] = Counter()
        for path in filter(Path.exists, (self.runs_file, self.index_file, self.runless_file)):
            with closing(sqlite3.connect(path)) as connection:
                for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    (count,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
                    counts[f"{path.name}: {table}"] = count
        return counts


def verdict(check: str) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("mart"), check_name=check, passed=False, description=f"{check} is bad: 7 s.", metadata={}
    )


_TIMES = [
    ("runs", "create_timestamp"),
    ("event_logs", "timestamp"),
    ("asset_check_executions", "create_timestamp"),
]


def _has(connection: sqlite3.Connection, table: str) -> bool:
    asked = "SELECT count(*) FROM sqlite_master WHERE name = ?"
    return bool(connection.execute(asked, [table]).fetchone()[0])


def _move(connection: sqlite3.Connection, table: str, column: str, at: datetime) -> None:
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} > ?", [_text(at), _text(SENTINEL)])


def _text(moment: datetime) -> str:
    """As Dagster has times in SQLite."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
