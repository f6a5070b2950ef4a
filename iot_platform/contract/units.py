"""Units that a patch may convert between: SenML's (RFC 8428, RFC 8798), and what sensors send in their place.

Each unit is linear in the base unit of its dimension: base = value * scale + offset. Figures are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    dimension: str
    scale: Fraction
    offset: Fraction = Fraction(0)


def _of(dimension: str, **scales: str) -> dict[str, Unit]:
    return {name: Unit(dimension, Fraction(scale)) for name, scale in scales.items()}


UNITS: Mapping[str, Unit] = {
    "Cel": Unit("temperature", Fraction(1)),
    "K": Unit("temperature", Fraction(1), Fraction("-273.15")),
    "degF": Unit("temperature", Fraction(5, 9), Fraction(-160, 9)),
    **_of("pressure", Pa="1", hPa="100", kPa="1000", mbar="100", bar="100000"),
    "inHg": Unit("pressure", Fraction("3386.389")),
    "mmHg": Unit("pressure", Fraction("133.322387415")),
    "psi": Unit("pressure", Fraction("6894.757293168")),
    **_of("share", ppb="0.000000001", ppm="0.000001"),
    "/": Unit("share", Fraction(1)),
    "/100": Unit("share", Fraction("0.01")),
    "/1000": Unit("share", Fraction("0.001")),
    "%": Unit("share", Fraction("0.01")),
    "%RH": Unit("humidity", Fraction("0.01")),
    "RH": Unit("humidity", Fraction(1)),
    **_of("light", lx="1", klx="1000"),
    "fc": Unit("light", Fraction("10.763910417")),
    **_of("power", mW="0.001", W="1", kW="1000", MW="1000000"),
    "hp": Unit("power", Fraction("745.69987158227022")),
    **_of("voltage", mV="0.001", V="1", kV="1000"),
    **_of("current", mA="0.001", A="1"),
    **_of("length", mm="0.001", cm="0.01", m="1", km="1000"),
    "in": Unit("length", Fraction("0.0254")),
    "ft": Unit("length", Fraction("0.3048")),
    **_of("time", ms="0.001", s="1", min="60", h="3600"),
    "m/s": Unit("speed", Fraction(1)),
    "km/h": Unit("speed", Fraction(1000, 3600)),
    "mph": Unit("speed", Fraction("0.44704")),
    **_of("energy", J="1", Wh="3600", kWh="3600000"),
    "g/m3": Unit("concentration", Fraction(1)),
    "mg/m3": Unit("concentration", Fraction("0.001")),
    "ug/m3": Unit("concentration", Fraction("0.000001")),
}


def convert(value: str, source: str, target: str, digits: int) -> str:
    """The number in `value`, of unit `source`, as text in unit `target`, rounded to `digits` behind the point.

    Raises ValueError, in words, for units that are not known or do not measure the same.
    """
    unknown = [unit for unit in (source, target) if unit not in UNITS]
    if unknown:
        raise ValueError(f"unit {unknown[0]} is not known; known are {', '.join(UNITS)}")
    old, new = UNITS[source], UNITS[target]
    if old.dimension != new.dimension:
        raise ValueError(f"{source} measures {old.dimension}, {target} {new.dimension}")
    exact = (Fraction(Decimal(value)) * old.scale + old.offset - new.offset) / new.scale
    rounded = round(exact, digits)
    text = f"{Decimal(rounded.numerator) / Decimal(rounded.denominator):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
