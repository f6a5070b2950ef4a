"""Courses made of a few figures."""

from __future__ import annotations

from collections.abc import Iterable

from iot_platform.watch.lag.course import Course, Look, after

EVERY_MS = 30_000


def looked(  # one look, with what matters named
    at_ms: int,
    end: int,
    committed: int | None,
    *,
    active: bool = True,
    low: int = 0,
    held: int = 0,
    born: int | None = None,
) -> Look:
    """`held` offsets beyond the end are held back by an open transaction; `born`: the oldest waiting record's stamp."""
    return Look(at_ms, low, end, end + held, committed, active, born)


def course(looks: Iterable[Look], size: int = 10) -> Course:
    made = Course()
    for look in looks:
        made = after(made, look, size)
    return made


def run(ends: Iterable[int], committed: Iterable[int | None], *, active: bool = True, low: int = 0) -> Course:
    """A look every 30 s, the first at 0."""
    pairs = zip(ends, committed, strict=True)
    return course(
        looked(number * EVERY_MS, end, offset, active=active, low=low) for number, (end, offset) in enumerate(pairs)
    )
