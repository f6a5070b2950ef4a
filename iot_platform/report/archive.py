"""Where reports are kept: one HTML page and one summary a period, renewed in place, removed when they are old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from iot_platform.lifecycle import write_atomically
from iot_platform.settings import Settings

_SUFFIXES = (".html", ".md")


@dataclass(frozen=True)
class Kept:
    """The two files of a report."""

    html: Path
    markdown: Path


def keep(settings: Settings, name: str, html: str, markdown: str, out: Path | None = None) -> Kept:
    """Write both, into the archive or, where it is named, beside `out`, which is the page."""
    page = out if out is not None else settings.reports_dir / f"{name}.html"
    kept = Kept(page, page.with_suffix(".md"))
    write_atomically(kept.html, html)
    write_atomically(kept.markdown, markdown)
    return kept


def remove_old(settings: Settings, now: datetime) -> int:
    """Remove reports of the archive that were written longer than `report.retention_days` ago; how many files."""
    days = settings.report.retention_days
    if days is None or not settings.reports_dir.is_dir():
        return 0
    limit = (now - timedelta(days=days)).timestamp()
    old = [
        path
        for path in settings.reports_dir.iterdir()
        if path.suffix in _SUFFIXES and path.is_file() and path.stat().st_mtime < limit
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
