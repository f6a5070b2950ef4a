"""How spools do, as signals: what fills, what is full, what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from iot_platform.clock import duration
from iot_platform.errors import PlatformError
from iot_platform.settings import ProducerSettings, Settings
from iot_platform.stream.spool.quarantine import QuarantinedBatch, list_quarantined
from iot_platform.watch.alerts import signals as names
from iot_platform.watch.alerts.signals import Signal

_BEAT_STALE_SECONDS = 60.0
_FILLS_FROM = 0.5
"""Of the bytes or of the hours that a spool may have."""


def spool_signals(settings: Settings, beats: Mapping[str, Mapping[str, Any]], now: datetime) -> Iterator[Signal]:
    """Of the producers' signs of life, and of the batches in quarantine."""
    for name, beat in beats.items():
        if beat["age_seconds"] <= _BEAT_STALE_SECONDS:
            yield from filling(name, beat, settings.producer, now)
    try:
        yield from set_aside(list_quarantined(settings.spool_dir), now)
    except PlatformError:
        return  # `status` tells of a spool that cannot be read


def filling(name: str, beat: Mapping[str, Any], limits: ProducerSettings, now: datetime) -> Iterator[Signal]:
    """Full, as the producer says itself; else half full or more, by size or by age."""
    stream = str(beat.get("stream", ""))
    if beat.get("spool_full"):
        yield Signal("platform", names.SPOOL_FULL, name, "error", beat["problem"], now, stream=stream)
        return
    used_bytes, age_seconds = int(beat.get("spool_bytes") or 0), float(beat.get("oldest_age_seconds") or 0)
    longest_seconds = limits.spool_max_age_hours * 3600
    used = max(used_bytes / limits.spool_max_bytes, age_seconds / longest_seconds)
    if used >= _FILLS_FROM:
        text = (
            f"{int(beat.get('spooled') or 0):,} readings wait, {used_bytes / 1e6:,.0f} MB, the oldest for "
            f"{duration(age_seconds)}; it takes no more at {limits.spool_max_bytes / 1e6:,.0f} MB or "
            f"{duration(longest_seconds)}."
        )
        yield Signal("platform", names.SPOOL_FILLING, name, "warn", text, now, used, stream)


def set_aside(batches: Sequence[QuarantinedBatch], now: datetime) -> Iterator[Signal]:
    """One signal a spool with batches in quarantine."""
    for spool in dict.fromkeys(batch.spool for batch in batches):
        mine = [batch for batch in batches if batch.spool == spool]
        readings = sum(batch.readings for batch in mine)
        text = f"{len(mine):,} damaged batches with {readings:,} readings are set aside, {mine[0].place} first."
        yield Signal("platform", names.QUARANTINE, spool, "warn", text, now, float(readings))
