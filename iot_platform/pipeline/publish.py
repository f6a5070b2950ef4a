"""The reader's copy: Parquet segments by day of loading, and one DuckDB file with views over them.

A publication writes only rows loaded since the last, as new segments; small ones are merged by size (`segments.py`),
so both its cost and the number of files stay small whatever the history. Hourly marts are segments of one week each,
written again when a build changed the week. In this order:

    1  segments      files that nothing names yet: a crash leaves orphans, which the next publication removes
    2  catalogue     written under another name and renamed into place: who has the old one open goes on reading it
    3  manifest      what the copy consists of; replaced segments stay for a while after it
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from iot_platform.clock import Clock
from iot_platform.faultpoints import faultpoint
from iot_platform.pipeline.manifest import Manifest, read_manifest, write_manifest
from iot_platform.pipeline.segments import Segment, due_merges, merged, version_of, versioned
from iot_platform.settings import Settings
from iot_platform.warehouse.connection import open_warehouse
from iot_platform.warehouse.copies import (
    copy_part,
    copy_rows,
    load_moment,
    merge_segments,
    named_in_catalogue,
    new_days,
    newest_load,
    write_catalogue,
)
from iot_platform.warehouse.mart_parts import PARTED, read_parts

log = logging.getLogger(__name__)

TABLES = ("readings", "dead_letters")
CATALOGUE = "warehouse.duckdb"
_GRACE = timedelta(minutes=15)
"""How long a replaced segment stays for those who still have the older catalogue open."""


class Publisher:
    """Keeps the copy in `settings.published_dir` up to date."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._directory = settings.published_dir
        self._catalogue = self._directory / CATALOGUE
        self._manifest_path = self._directory / "manifest.json"
        self._next = float("-inf")
        self._swept = False

    def publish_when_due(self) -> bool:
        """Publish if `publish_interval_seconds` have passed since the last time; whether it was done."""
        if self._clock.monotonic() < self._next:
            return False
        self.publish()
        self._next = self._clock.monotonic() + self._settings.warehouse.publish_interval_seconds
        return True

    def publish(self, *, always: bool = False) -> None:
        """Bring the copy up to the newest load; `always`: also without one, for the marts may be newer.

        A crash at any point leaves the last copy whole. A warehouse that is not the one published before (restored from
        an older copy, or begun anew) is published from its beginning. A copy without rows is written each time: that
        costs next to nothing.
        """
        manifest = self._known()
        with open_warehouse(self._settings) as connection:
            newest = newest_load(connection)
            if manifest.last_load and load_moment(connection, manifest.last_load) != manifest.last_loaded_at:
                log.warning("the warehouse is not the one published before: the reader's copy is made anew")
                manifest = manifest.emptied(self._grace_ends())
            if always or newest > manifest.last_load or manifest.last_load == 0 or not self._catalogue.exists():
                manifest = self._merged(connection, self._extended(connection, manifest, newest))
                manifest = self._with_marts(connection, manifest)
                faultpoint("publish.after_segments")
                self._replace_catalogue(connection, manifest)
                faultpoint("publish.after_catalogue")
                write_manifest(self._manifest_path, manifest)
        self._remove_due(manifest)
        self._swept = True

    def remove_before(self, day: date) -> None:
        """Let go of the segments of earlier days; their files stay for the grace time. Marts go with the next copy."""
        manifest = self._known()
        old = [
            segment.path for segment in manifest.segments if segment.table in TABLES and segment.day < day.isoformat()
        ]
        if not old:
            return
        manifest = manifest.without(old, self._grace_ends())
        with open_warehouse(self._settings) as connection:
            self._replace_catalogue(connection, manifest)
        write_manifest(self._manifest_path, manifest)
        self._swept = True

    def _known(self) -> Manifest:
        """The manifest, after a sweep if the last publication may not have come to its end.

        Files that no manifest knows are left over from a crash. Those that the catalogue names nevertheless (the crash
        came before the manifest) are noted before anything else, so that no later crash can make them look unused.
        """
        manifest = read_manifest(self._manifest_path)
        if not self._swept:
            found = {path.relative_to(self._directory).as_posix() for path in self._directory.glob("*/*/*")}
            orphans = found - manifest.paths
            named = named_in_catalogue(self._catalogue, orphans) if orphans else set()
            for path in orphans - named:
                self._remove(path)
            if named:
                manifest = manifest.without(named, self._grace_ends())
                write_manifest(self._manifest_path, manifest)
        self._swept = False
        return manifest

    def _extended(self, connection: Any, manifest: Manifest, newest: int) -> Manifest:
        """With segments of what was loaded since, each of one day: retention lets go of whole days."""
        added = []
        for table in TABLES:
            for day, rows in new_days(connection, table, manifest.last_load):
                segment = Segment(table, day, rows)
                copy_rows(connection, table, manifest.last_load, day, self._file(segment))
                added.append(segment)
        moment = load_moment(connection, newest)
        return replace(manifest, segments=(*manifest.segments, *added), last_load=newest, last_loaded_at=moment)

    def _with_marts(self, connection: Any, manifest: Manifest) -> Manifest:
        """With a segment of each week of the hourly marts, of the version that the warehouse has."""
        parts = {(part.mart, part.week, part.version): part for part in read_parts(connection)}
        known = {(one.table, one.day, version_of(one)): one for one in manifest.segments if one.table in PARTED}
        manifest = manifest.without([known[key].path for key in known.keys() - parts.keys()], self._grace_ends())
        added = []
        for key in sorted(parts.keys() - known.keys()):
            segment = versioned(*key)
            rows = copy_part(connection, parts[key], self._file(segment))
            added.append(replace(segment, rows=rows))
        return replace(manifest, segments=(*manifest.segments, *added))

    def _merged(self, connection: Any, manifest: Manifest) -> Manifest:
        hot = [segment for segment in manifest.segments if segment.table in TABLES]
        for group in due_merges(hot, self._clock.now().date().isoformat()):
            whole = merged(group)
            merge_segments(connection, [self._file(segment) for segment in group], self._file(whole))
            manifest = manifest.without([segment.path for segment in group], self._grace_ends())
            manifest = replace(manifest, segments=(*manifest.segments, whole))
        return manifest

    def _replace_catalogue(self, connection: Any, manifest: Manifest) -> None:
        files = {
            table: [self._directory / segment.path for segment in manifest.segments if segment.table == table]
            for table in (*TABLES, *PARTED)
        }
        temporary = self._directory / f".{CATALOGUE}.tmp"
        self._directory.mkdir(parents=True, exist_ok=True)
        for left_over in (temporary, temporary.with_name(temporary.name + ".wal")):
            left_over.unlink(missing_ok=True)
        write_catalogue(connection, temporary, files)
        temporary.replace(self._catalogue)

    def _file(self, segment: Segment) -> Path:
        path = self._directory / segment.path
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _grace_ends(self) -> str:
        return (self._clock.now() + _GRACE).isoformat()

    def _remove_due(self, manifest: Manifest) -> None:
        now = self._clock.now().isoformat()
        due = {path for path, at in manifest.removals.items() if at <= now}
        if due:
            due -= named_in_catalogue(self._catalogue, due)
            for path in due:
                self._remove(path)
            kept = {path: at for path, at in manifest.removals.items() if path not in due}
            write_manifest(self._manifest_path, replace(manifest, removals=kept))

    def _remove(self, path: str) -> None:
        file = self._directory / path
        file.unlink(missing_ok=True)
        with suppress(OSError):  # the directory of the day has other files
            file.parent.rmdir()
