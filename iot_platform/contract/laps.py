"""Who wants to know where the time goes hands in a `Lap`: it is told the name of each stage as that ends."""

from __future__ import annotations

from collections.abc import Callable

Lap = Callable[[str], None]


def no_lap(_stage: str) -> None:
    """Nobody wants to know."""
