"""How a sensor of a type behaves when it is sound: the thresholds of the rules that look at many readings.

They flag readings and sensors and never refuse one, so they are no part of the rules of validation. A threshold that
is not given is not judged: what is odd for one type is the nature of another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from iot_platform.contract.units import UNITS, Unit
from iot_platform.errors import SettingsError


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one sensor type, as it stands in a catalogue; values are in its unit.

    None, or an empty tuple: that rule does not judge the type.

    stuck_readings and stuck_seconds  as many equal values in a row, for as long, are suspicious; both must be reached
    rests_at                          a value at which a sound sensor may stay for as long as it likes, such as 0 lx
    spike                             a single value may be this far off its neighbours
    rate_per_second                   the fastest that the value can change, from one reading to the next
    drift                             a median may wander so far by itself, within hours or against the days before
    skew_seconds                      the sensor's clock may be this far off the platform's
    other_units                       units in which such a sensor may report by mistake while it names the right one
    """

    stuck_readings: int | None = None
    stuck_seconds: float | None = None
    rests_at: float | None = None
    spike: float | None = None
    rate_per_second: float | None = None
    drift: float | None = None
    skew_seconds: float | None = None
    other_units: tuple[str, ...] = ()


def check_behaviour(given: Behaviour, unit: str, where: str) -> None:
    """Raises SettingsError, which begins with `where`, for what makes no sense of a type whose unit is `unit`."""
    for name, figure in msgspec.structs.asdict(given).items():
        if name in {"rests_at", "other_units"} or figure is None:
            continue
        if not (math.isfinite(figure) and figure > 0):
            raise SettingsError(f"{where}: {name} must be above 0.")
    if given.rests_at is not None and not math.isfinite(given.rests_at):
        raise SettingsError(f"{where}: rests_at must be finite.")
    if (given.stuck_readings is None) != (given.stuck_seconds is None):
        raise SettingsError(f"{where}: stuck_readings and stuck_seconds go together.")
    for other in given.other_units:
        line_between(unit, other, where)


@dataclass(frozen=True)
class Line:
    """What a sensor shows in `unit`: factor times the value in its own unit, plus offset."""

    unit: str
    factor: float
    offset: float


def line_between(unit: str, other: str, where: str) -> Line:
    """From a type's unit to another. Raises SettingsError where the two do not measure the same."""
    own, shown = _known(unit, where), _known(other, where)
    if own.dimension != shown.dimension or own == shown:
        raise SettingsError(f"{where}: values in {unit} cannot have been reported in {other}.")
    return Line(other, float(own.scale / shown.scale), float((own.offset - shown.offset) / shown.scale))


def _known(unit: str, where: str) -> Unit:
    found = UNITS.get(unit)
    if found is None:
        raise SettingsError(
            f"{where}: other_units needs units that are known, and {unit} is none of {', '.join(UNITS)}."
        )
    return found
