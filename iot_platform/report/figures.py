"""What a report says, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from iot_platform.report.facts import (
    Culprit,
    DayScore,
    Drift,
    Duplicates,
    DuplicateSensor,
    Mover,
    NullRate,
    NullSensor,
    Odd,
    Place,
    Reason,
    Redrive,
    Sample,
    Sensor,
    Silent,
    Since,
    Totals,
)
from iot_platform.report.flow_facts import Alert, Audit, Lag, Offsets, Pause, Unbuilt
from iot_platform.report.period import Period

__all__ = [
    "Alert",
    "Audit",
    "Culprit",
    "DayScore",
    "Drift",
    "DuplicateSensor",
    "Duplicates",
    "Figures",
    "Lag",
    "Mover",
    "NullRate",
    "NullSensor",
    "Odd",
    "Offsets",
    "Pause",
    "Place",
    "Reason",
    "Redrive",
    "Sample",
    "Sensor",
    "Silent",
    "Since",
    "Totals",
    "Unbuilt",
]


@dataclass(frozen=True)
class Figures:
    """Everything a report says. Lists are the worst first, and bounded; their counts tell of the rest."""

    period: Period
    streams: tuple[str, ...]
    first_day: date | None  # of all data; None: there is none
    unbuilt: tuple[Unbuilt, ...]
    totals: dict[str, Totals]  # by stream; '' = all together
    totals_before: dict[str, Totals]
    totals_earlier: dict[str, Totals]
    days: tuple[DayScore, ...]
    places: tuple[Place, ...]
    places_total: int
    sensors: tuple[Sensor, ...]
    sensors_total: int
    movers: tuple[Mover, ...]
    reasons: tuple[Reason, ...]
    redrives: tuple[Redrive, ...]
    null_rates: tuple[NullRate, ...]
    null_sensors: tuple[NullSensor, ...]
    null_since: Since
    silent: tuple[Silent, ...]
    silent_total: int
    odd: tuple[Odd, ...]
    odd_total: int  # sensors
    duplicates: tuple[Duplicates, ...]
    duplicate_sensors: tuple[DuplicateSensor, ...]
    lag: tuple[Lag, ...]
    pauses: tuple[Pause, ...]
    drift: tuple[Drift, ...]
    alerts: tuple[Alert, ...]
    audits: tuple[Audit, ...]
    offsets: tuple[Offsets, ...]

    @property
    def all_streams(self) -> Totals | None:
        """All together; None when the period has no record."""
        return self.totals.get("")
