"""The order of a sensor that moves from one producer to another: what the former one has spooled goes first.

A batch is sent only when no other spool of the same fleet holds one of an older split. The oldest may always go, and
each spool has its owner or is taken over, so nobody waits for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from iot_platform.clock import Clock
from iot_platform.settings import Settings
from iot_platform.stream.places import part_of
from iot_platform.stream.spool import lowest_waiting

_LOOK_AGAIN_SECONDS = 0.25

Lets = Callable[[int], bool]
"""Whether a batch of that generation may be sent now."""


def lets_all(_generation: int) -> bool:
    return True


class Gate:
    """Looks at the other spools until nothing in them can be older; then never again."""

    def __init__(self, others: Callable[[], Iterable[Path]], clock: Clock) -> None:
        self._others = others
        self._clock = clock
        self._open_up_to: float = 0
        self._look_at = float("-inf")

    def lets(self, generation: int) -> bool:
        now = self._clock.monotonic()
        if generation > self._open_up_to and now >= self._look_at:
            self._look_at = now + _LOOK_AGAIN_SECONDS
            waiting = [lowest_waiting(path) for path in self._others()]
            self._open_up_to = min((one for one in waiting if one is not None), default=generation)
        return generation <= self._open_up_to


def gate_of(settings: Settings, stream: str, source: str, clock: Clock) -> Lets:
    """The gate of one source: shut by its fleet's other spools; a source that is no fleet needs none."""
    if part_of(source) is None:
        return lets_all

    def others() -> list[Path]:
        return [path for name, path in spools_of(settings, stream) if name != source and part_of(name) is not None]

    return Gate(others, clock).lets


def spools_of(settings: Settings, stream: str) -> list[tuple[str, Path]]:
    """The sources of the stream that have a spool, by name."""
    paths = sorted(settings.spool_dir.glob(f"{stream}-*.sqlite"))
    return [(path.stem.removeprefix(f"{stream}-"), path) for path in paths]
