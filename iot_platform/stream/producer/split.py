"""How many producers share a fleet: one number at a time, however many are started and stopped meanwhile.

The producers of one split hold a lock together. Another split can begin only when none of the former lives; then it
gets the next generation. So no sensor is ever born in two places at once, and a spooled batch is old or new for
certain.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from iot_platform.lifecycle import Stop
from iot_platform.settings import Settings
from iot_platform.stream.places import part_of
from iot_platform.stream.producer.gate import spools_of
from iot_platform.stream.spool import newest_generation

log = logging.getLogger(__name__)

_WAIT_SECONDS = 0.2


@contextmanager
def in_split(settings: Settings, stream: str, stop: Stop) -> Iterator[int | None]:
    """Belong to the split into `fleet.producers` for the block: its generation, or None when a stop came first.

    Waits until the producers of another split have ended.
    """
    path = settings.lease_dir / f"producer-{stream}-split.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        generation, told = None, False
        while generation is None and not stop.requested:
            generation = _join(handle, settings, stream)
            if generation is None:
                if not told:
                    log.warning("the fleet of %s is split anew: waits for its former producers to end", stream)
                told = not stop.wait(_WAIT_SECONDS)
        yield generation


def _join(handle: IO[str], settings: Settings, stream: str) -> int | None:
    """The generation, with the lock held together with the others; None when it must be tried again."""
    if not _lock(handle, fcntl.LOCK_SH):
        return None
    known, producers = _read(handle)
    if producers == settings.fleet.producers:
        return known
    fcntl.flock(handle, fcntl.LOCK_UN)  # two that keep theirs and want it alone would wait for each other
    if _lock(handle, fcntl.LOCK_EX):
        known, producers = _read(handle)
        if producers != settings.fleet.producers:
            spools = (path for name, path in spools_of(settings, stream) if part_of(name) is not None)
            _write(handle, max([known, *map(newest_generation, spools)]) + 1, settings.fleet.producers)
        fcntl.flock(handle, fcntl.LOCK_UN)
        return _join(handle, settings, stream)
    return None


def _lock(handle: IO[str], how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(handle: IO[str]) -> tuple[int, int]:
    """Generation and number of producers; zeros when there was none yet, or a crash left half a line."""
    handle.seek(0)
    try:
        document = json.loads(handle.read())
        return int(document["generation"]), int(document["producers"])
    except (ValueError, KeyError, TypeError):
        return 0, 0


def _write(handle: IO[str], generation: int, producers: int) -> None:
    handle.truncate(0)
    handle.write(json.dumps({"generation": generation, "producers": producers}))
    handle.flush()
