"""What the stream processes use, from their signs of life. Pure: signs and the samples before go in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from iot_platform.warehouse.process_samples import ProcessSample

_STALE_SECONDS = 60.0

Beats = Mapping[str, Mapping[str, Any]]
"""By process: its last sign of life, with its age in seconds."""


def samples_of(beats: Beats, before: Mapping[str, ProcessSample], taken_at: datetime) -> list[ProcessSample]:
    """A sample of each process that has just given a sign of life."""
    return [_sample(name, beat, before.get(name), taken_at) for name, beat in _fresh(beats)]


def _fresh(beats: Beats) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, beat in beats.items():
        if beat["age_seconds"] <= _STALE_SECONDS and "cpu_seconds" in beat:
            yield name, beat


def _sample(name: str, beat: Mapping[str, Any], last: ProcessSample | None, taken_at: datetime) -> ProcessSample:
    pid, cpu_seconds, writes, written = beat["pid"], beat["cpu_seconds"], beat.get("writes"), beat.get("write_seconds")
    share = each = None
    if last is not None and last.pid == pid and taken_at > last.taken_at:
        share = max(0.0, cpu_seconds - last.cpu_seconds) / (taken_at - last.taken_at).total_seconds()
        each = _each(last, writes, written)
    return ProcessSample(taken_at, name, pid, cpu_seconds, share, beat["memory_bytes"], writes, written, each)


def _each(last: ProcessSample, writes: int | None, written: float | None) -> float | None:
    """Seconds that a write took since the last sample."""
    if writes is None or written is None or last.writes is None or last.written is None or writes <= last.writes:
        return None
    return max(0.0, written - last.written) / (writes - last.writes)
