"""What sensors in trouble share that the others do not. Pure: counts in, suspects out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MOST_OF = 0.8
"""Of those in trouble; one more may be for reasons of its own."""
_HALF_OF = 0.5
"""Of those that share it: of a trouble that has just begun not all have shown it yet."""
_TIMES_AS_MANY = 4.0
"""… as among the others."""


_FEWEST = 3
"""Of sensors in trouble: what two share may be chance."""
_ATTRIBUTES = {"location": ("location", "of_location"), "sensor type": ("sensor_type", "of_type")}
"""By name, the columns with a sensor's own and with how many of its stream have it."""


@dataclass(frozen=True)
class Share:
    """Of the `sensors` whose `attribute` (location, sensor type …) is `value`, how many are `affected`."""

    attribute: str
    value: str
    affected: int
    sensors: int


def suspects(shares: Iterable[Share], affected: int, sensors: int) -> list[Share]:
    """What nearly all of the affected share, and few of the others: the closest fit first. Empty when all of the
    sensors are affected, for then nothing tells them apart."""
    if not affected or affected >= _MOST_OF * sensors:
        return []
    fitting = [
        one
        for one in shares
        if one.affected >= _MOST_OF * affected and one.affected >= _HALF_OF * one.sensors and one.sensors < sensors
        if one.affected / one.sensors >= _TIMES_AS_MANY * (affected - one.affected) / (sensors - one.sensors)
    ]
    return sorted(fitting, key=lambda one: (-one.affected / affected, -one.affected / one.sensors, one.attribute))


def cause_of(affected: Sequence[Mapping[str, Any]]) -> str:
    """The sentence for sensors in trouble, a row each, with their stream's number of `sensors`; empty for a few."""
    sensors = affected[0]["sensors"] if affected else None
    if len(affected) < _FEWEST or not sensors:
        return ""
    found = Counter((name, one[own], one[of]) for one in affected for name, (own, of) in _ATTRIBUTES.items())
    shares = [Share(name, value, count, of) for (name, value, of), count in found.items() if value and of]
    return " " + cause_sentence(shares, len(affected), max(sensors, len(affected)), "location or sensor type")


def cause_sentence(
    shares: Iterable[Share], affected: int, sensors: int, looked_at: str = "location, sensor type or schema version"
) -> str:
    """As in `Suspected cause: sensor type humidity, which 7 of the 7 have and 0 of the others.`"""
    if affected >= _MOST_OF * sensors:
        return f"Suspected cause: something that all of the stream share ({affected:,} of {sensors:,} sensors)."
    found = suspects(shares, affected, sensors)
    if not found:
        return f"No suspected cause: they share no {looked_at} that others have not."
    first = found[0]
    rest = f"; or {', '.join(f'{one.attribute} {one.value}' for one in found[1:3])}" if found[1:] else ""
    return (
        f"Suspected cause: {first.attribute} {first.value}, which {first.affected:,} of the {affected:,} have and "
        f"{first.sensors - first.affected:,} of the others{rest}."
    )
