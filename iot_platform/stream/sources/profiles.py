"""What healthy sensors of each type measure over a day: pure numbers, no clock, no chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from iot_platform.contract.catalogue import SensorType

Floats = npt.NDArray[np.float64]

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Profile:
    """A daily curve: `base` at its mean, `swing` up and down, highest at `peak_hour` (UTC), with `noise` on top.

    `dark` cuts the lower half off, as the night does with light.
    """

    base: float
    swing: float
    noise: float
    peak_hour: float = 15.0
    dark: bool = False

    def fits(self, kind: SensorType) -> bool:
        """Whether the curve stays within the range of `kind`, noise and a little shift aside."""
        lowest = self.base if self.dark else self.base - abs(self.swing)
        return kind.minimum <= lowest and self.base + abs(self.swing) <= kind.maximum

    def values(self, unix_seconds: Floats, chance: Floats) -> Floats:
        """The curve at each moment; `chance` is standard normal and gives the noise."""
        angle = 2 * math.pi * ((unix_seconds % _DAY_SECONDS) / _DAY_SECONDS - self.peak_hour / 24)
        curve = self.base + self.swing * np.cos(angle)
        if self.dark:
            curve = np.maximum(curve, 0.0)
        return np.asarray(curve + self.noise * chance, dtype=np.float64)


_KNOWN = {
    "temperature": Profile(base=18, swing=6, noise=0.3),
    "humidity": Profile(base=55, swing=-15, noise=1.0),
    "pressure": Profile(base=1013, swing=2, noise=0.3, peak_hour=10),
    "light": Profile(base=0, swing=40_000, noise=150, peak_hour=12, dark=True),
    "co2": Profile(base=650, swing=200, noise=15, peak_hour=14),
    "power": Profile(base=1_200, swing=700, noise=60, peak_hour=19),
    "voltage": Profile(base=230, swing=2, noise=0.6, peak_hour=4),
}


def profile_of(kind: SensorType, spread: float) -> Profile:
    """The profile of one sensor of this type; `spread` in -1..1 sets it a little apart from its like.

    A type that is not known, or whose range leaves the known curve no room, keeps to the middle of its range.
    """
    known = _KNOWN.get(kind.name)
    if known is not None and known.fits(kind):
        shift = 0.0 if known.dark else spread * abs(known.swing) * 0.2
        return replace(known, base=known.base + shift)
    span = kind.maximum - kind.minimum
    return Profile(kind.minimum + span * (0.5 + 0.1 * spread), span * 0.15, span * 0.01)


def decimals_of(kind: SensorType) -> int:
    """Decimal places that show a ten-thousandth of the range, at least 2."""
    span = kind.maximum - kind.minimum
    return 2 if span <= 0 else min(12, max(2, 4 - math.floor(math.log10(span))))
