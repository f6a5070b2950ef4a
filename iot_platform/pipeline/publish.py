"""The reader's copy: Parquet segments by day of loading, and one DuckDB file with views over them.

A publication writes only rows loaded since the last, as one new segment a table; small segments of a day are merged
in tiers, so both its cost and the number of files stay small whatever the history. The catalogue file is written
under another name and renamed into place: who has the old one open goes on reading it, and its segments stay for a
while.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from iot_platform.clock import Clock
from iot_platform.lifecycle import write_atomically
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.copies import copy_new_rows, merge_segments, newest_load, write_catalogue

log = logging.getLogger(__name__)

TABLES = ("readings", "dead_letters")
CATALOGUE = "warehouse.duckdb"
_MERGE_AT = 8  # segments of one tier and day become one of the next
_GRACE = timedelta(minutes=15)
"""How long a replaced segment stays for those who still have the older catalogue open."""


@dataclass(frozen=True)
class Segment:
    """One Parquet file of one table; `tier` counts how often it was merged."""

    table: str
    day: str
    tier: int
    first_load: int
    last_load: int

    @property
    def path(self) -> str:
        return f"{self.table}/{self.day}/{self.first_load:012d}-{self.last_load:012d}.parquet"


def due_merges(segments: list[Segment]) -> list[list[Segment]]:
    """Groups of neighbouring segments to merge into one each. Pure."""
    groups: dict[tuple[str, str, int], list[Segment]] = {}
    for segment in segments:
        groups.setdefault((segment.table, segment.day, segment.tier), []).append(segment)
    return [
        sorted(group, key=lambda segment: segment.first_load) for group in groups.values() if len(group) >= _MERGE_AT
    ]


class Publisher:
    """Keeps the copy in `settings.published_dir` up to date."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._directory = settings.published_dir
        self._manifest_path = self._directory / "manifest.json"
        self._next = float("-inf")

    def publish_when_due(self) -> bool:
        """Publish if `publish_interval_seconds` have passed since the last time; whether it was done."""
        if self._clock.monotonic() < self._next:
            return False
        self.publish()
        self._next = self._clock.monotonic() + self._settings.warehouse.publish_interval_seconds
        return True

    def publish(self) -> None:
        """Bring the copy up to the newest load. A crash at any point leaves the last copy whole."""
        manifest = self._read_manifest()
        segments = [Segment(**item) for item in manifest["segments"]]
        last_load = manifest["last_load"]
        with open_warehouse(self._settings) as connection:
            newest = newest_load(connection)
            if newest > last_load or not (self._directory / CATALOGUE).exists():
                day = self._clock.now().date().isoformat()
                for table in TABLES:
                    segment = Segment(table, day, 0, last_load + 1, newest)
                    if newest > last_load and copy_new_rows(connection, table, last_load, self._file(segment)):
                        segments.append(segment)
                segments, replaced = self._merge(connection, segments)
                self._write_catalogue(connection, segments)
                self._forget_later(manifest["removals"], replaced)
                manifest = {**manifest, "segments": [vars(segment) for segment in segments], "last_load": newest}
                self._write_manifest(manifest)
        self._remove_old(manifest)

    def remove_before(self, day: date) -> None:
        """Let go of the segments of earlier days; their files stay for the grace time."""
        manifest = self._read_manifest()
        segments = [Segment(**item) for item in manifest["segments"]]
        kept = [segment for segment in segments if segment.day >= day.isoformat()]
        if len(kept) == len(segments):
            return
        with open_warehouse(self._settings) as connection:
            self._write_catalogue(connection, kept)
        self._forget_later(manifest["removals"], [segment for segment in segments if segment not in kept])
        self._write_manifest({**manifest, "segments": [vars(segment) for segment in kept]})

    def _file(self, segment: Segment) -> Path:
        path = self._directory / segment.path
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _merge(self, connection: Any, segments: list[Segment]) -> tuple[list[Segment], list[Segment]]:
        replaced: list[Segment] = []
        for group in due_merges(segments):
            first, last = group[0], group[-1]
            merged = Segment(first.table, first.day, first.tier + 1, first.first_load, last.last_load)
            merge_segments(connection, [self._file(segment) for segment in group], self._file(merged))
            segments = [segment for segment in segments if segment not in group] + [merged]
            replaced += group
        return segments, replaced

    def _write_catalogue(self, connection: Any, segments: list[Segment]) -> None:
        files = {
            table: [self._directory / segment.path for segment in segments if segment.table == table]
            for table in TABLES
        }
        temporary = self._directory / f".{CATALOGUE}.tmp"
        temporary.unlink(missing_ok=True)
        write_catalogue(connection, temporary, files)
        temporary.replace(self._directory / CATALOGUE)

    def _read_manifest(self) -> dict[str, Any]:
        if not self._manifest_path.exists():
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory.mkdir(parents=True)
            return {"segments": [], "last_load": 0, "removals": {}}
        manifest: dict[str, Any] = json.loads(self._manifest_path.read_text(encoding="utf-8"))
        return manifest

    def _write_manifest(self, manifest: dict[str, Any]) -> None:
        write_atomically(self._manifest_path, json.dumps(manifest))

    def _forget_later(self, removals: dict[str, str], replaced: list[Segment]) -> None:
        at = (self._clock.now() + _GRACE).isoformat()
        removals.update({segment.path: at for segment in replaced})

    def _remove_old(self, manifest: dict[str, Any]) -> None:
        now = self._clock.now().isoformat()
        due = [path for path, at in manifest["removals"].items() if at <= now]
        for path in due:
            (self._directory / path).unlink(missing_ok=True)
            del manifest["removals"][path]
        if due:
            self._write_manifest(manifest)
