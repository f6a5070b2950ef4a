"""Who is in the fleet: sensors by type, and the troublemakers by name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from iot_platform.contract.catalogue import Catalogue, SensorType
from iot_platform.stream.sources.profiles import Profile, decimals_of, profile_of
from iot_platform.stream.sources.troubles import TROUBLES, Trouble

SENSORS_PER_SET_OF_TROUBLES = 50
_FEWEST_SENSORS_WITH_TROUBLES = 25
_MICROS = 1_000_000
_USUAL_INTERVAL_SECONDS = 5.0
"""Of a type whose interval the catalogue leaves to be learnt."""


@dataclass(frozen=True)
class Member:
    """One sensor of the fleet. It reports at `phase_us + k * interval_us` for k = 0, 1, 2 …"""

    sensor_id: str
    kind: SensorType
    location: str
    profile: Profile
    decimals: int
    interval_us: int
    phase_us: int
    signal_dbm: int
    battery_age_days: float
    trouble: Trouble | None = None


def muster(catalogue: Catalogue, sensors: int, rate: float, seed: int) -> list[Member]:
    """`sensors` members, types in turn, whose intervals are those of the catalogue, scaled so that all send `rate`/s.

    Of each 50, one of every trouble; fleets below 25 have none. The same arguments give the same fleet.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation
    kinds = sorted(catalogue.types.values(), key=lambda kind: kind.name)
    roles = list(_roles(sensors))
    chosen = [kinds[number % len(kinds)] for number in range(sensors)]
    natural_rate = sum(1 / _interval_seconds(kind) for kind in chosen)
    width = max(2, len(str(sensors)))
    counts: dict[str, int] = {}
    members = []
    for kind, (label, trouble) in zip(chosen, roles, strict=True):
        name = label or kind.name
        counts[name] = counts.get(name, 0) + 1
        interval_us = max(1, round(_interval_seconds(kind) * natural_rate / rate * _MICROS))
        members.append(
            Member(
                sensor_id=f"{name}-{counts[name]:0{width}d}",
                kind=kind,
                location=f"site-{chance.choice('abcde')}/floor-{chance.randint(1, 4)}",
                profile=profile_of(kind, chance.uniform(-1, 1)),
                decimals=decimals_of(kind),
                interval_us=interval_us,
                phase_us=chance.randrange(interval_us),
                signal_dbm=chance.randint(-90, -45),
                battery_age_days=chance.uniform(0, 90),
                trouble=trouble,
            )
        )
    return members


def _interval_seconds(kind: SensorType) -> float:
    return kind.interval_seconds or _USUAL_INTERVAL_SECONDS


def _roles(sensors: int) -> Iterator[tuple[str, Trouble | None]]:
    """A label and a trouble for each troublemaker, then blanks for the healthy."""
    sets = 0 if sensors < _FEWEST_SENSORS_WITH_TROUBLES else max(1, sensors // SENSORS_PER_SET_OF_TROUBLES)
    troubled = [(f"trouble-{name}", trouble) for _ in range(sets) for name, trouble in TROUBLES]
    yield from troubled
    yield from [("", None)] * (sensors - len(troubled))
