"""One stream with what matters named; the rest is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from iot_platform.watch.scaling.known import Downstream, Known, Load, Machine, Memory, Part, Policy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = Policy()
MACHINE = Machine(cores=8, free_bytes=16_000_000_000, each_bytes=250_000_000, cpu_share=0.5)
LATE = Downstream(400_000, 900.0, late=True)


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


STEADY = Memory(steady_since=ago(3_600))


def load(  # three partitions that are alike, unless `share` says otherwise
    messages: int,
    inflow: float,
    outflow: float,
    *,
    share: Sequence[float] = (1 / 3, 1 / 3, 1 / 3),
    seconds: float = 60.0,
    trouble: str = "",
    age: float = 0.0,
    measured: float = 30.0,
) -> Load:
    """`messages` that wait, with what arrives and is taken a second in all."""
    parts = tuple(
        Part(number, round(messages * part), inflow * part, outflow * part, messages * part > 10 * inflow * part)
        for number, part in enumerate(share)
    )
    behind = messages > 10 * inflow
    return Load(ago(age), measured, parts, seconds, behind=behind, level=not behind, trouble=trouble)


def known(seen: Load | None, wanted: int = 1, **changes: object) -> Known:
    """A stream whose settings allow 1 to 6 validators, with three partitions."""
    made = Known(
        wanted, running=wanted, least=1, most=6, partitions=len(seen.parts) if seen else 3, machine=MACHINE, load=seen
    )
    return replace(made, **changes)  # type: ignore[arg-type]
