"""Since when something is as it is, and its course through the period. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import TypeVar

from iot_platform.report.figures import Since
from iot_platform.report.period import DAY, Period

_HOUR = timedelta(hours=1)
Value = TypeVar("Value", int, float)


def day_run(days: Collection[date], period: Period) -> date | None:
    """The first of the days in a row that end in the period; None when none of `days` is in the period."""
    newest = max((day for day in days if day <= period.last_day), default=None)
    if newest is None or newest < period.first_day:
        return None
    first = newest
    while first - DAY in days:
        first -= DAY
    return first


def begun(days: Collection[date], moments: Collection[datetime], period: Period) -> Since:
    """A day before the period that begins a run of days up to it; else the first of the moments in the period."""
    first = day_run(days, period)
    if first is not None and first < period.first_day:
        return first
    return min((moment for moment in moments if moment >= period.start), default=None)


def points(values: Mapping[datetime, Value], period: Period) -> tuple[Value | None, ...]:
    """The value of each hour of the period, up to its end or to now."""
    count = -((period.start - period.until) // _HOUR)  # begun hours count
    return tuple(values.get(period.start + number * _HOUR) for number in range(count))
