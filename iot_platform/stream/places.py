"""Names and files of a producer: its slot, its lease, its heartbeat, its spool. Pure.

`source` is the source's own name: `fleet`, `fleet-1`, `fleet-2` … for the parts of the simulated fleet, `file-…` for
a file.
"""

from __future__ import annotations

from pathlib import Path

from iot_platform.settings import Settings

_FLEET = "fleet"


def fleet_name(part: int) -> str:
    """The source's name of one part of the fleet; the first keeps the name of the whole."""
    return f"{_FLEET}-{part}" if part else _FLEET


def part_of(source: str) -> int | None:
    """Which part of the fleet `source` is; None when it is something else."""
    if source == _FLEET:
        return 0
    number = source.removeprefix(f"{_FLEET}-")
    return int(number) if number != source and number.isdigit() else None


def process_name(stream: str, source: str) -> str:
    """Names the process that runs `source`, and its heartbeat."""
    part = part_of(source)
    if part is None:
        return f"producer-{stream}-{source}"
    return f"producer-{stream}-{part}" if part else f"producer-{stream}"


def producer_lease(settings: Settings, stream: str, source: str) -> Path:
    """Held for as long as the producer's process lives."""
    return settings.lease_dir / f"producer-{stream}-{source}.lock"


def spool_lock(settings: Settings, stream: str, source: str) -> Path:
    """Held by whoever writes the spool: its own producer, or one that has taken it over."""
    return settings.lease_dir / f"spool-{stream}-{source}.lock"
