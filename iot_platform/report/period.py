"""The days a report is about, and those it is compared with. Pure; all days are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from iot_platform.errors import UsageError

DAY = timedelta(days=1)
_WEEK_DAYS = 7


@dataclass(frozen=True)
class Span:
    """Whole days from `first_day` to `last_day`, both included."""

    label: str
    first_day: date
    last_day: date

    @property
    def start(self) -> datetime:
        return _midnight(self.first_day)

    @property
    def end(self) -> datetime:
        return _midnight(self.last_day + DAY)


@dataclass(frozen=True)
class Period:
    """One day, or the seven days that end with `last_day`, as seen at `now`: a day may still run."""

    last_day: date
    days: int
    now: datetime

    @property
    def first_day(self) -> date:
        return self.last_day - (self.days - 1) * DAY

    @property
    def start(self) -> datetime:
        return _midnight(self.first_day)

    @property
    def end(self) -> datetime:
        return _midnight(self.last_day + DAY)

    @property
    def until(self) -> datetime:
        """Where the figures end: with the period, or with this moment while it runs."""
        return min(self.end, self.now)

    @property
    def running(self) -> bool:
        return self.now < self.end

    @property
    def is_week(self) -> bool:
        return self.days > 1

    @property
    def before(self) -> Span:
        """The period directly before this one."""
        label = "the week before" if self.is_week else "the day before"
        return Span(label, self.first_day - self.days * DAY, self.first_day - DAY)

    @property
    def earlier(self) -> Span:
        """One week before a day, four weeks before a week."""
        weeks, label = (4, "four weeks before") if self.is_week else (1, "a week before")
        back = timedelta(weeks=weeks)
        return Span(label, self.first_day - back, self.last_day - back)

    @property
    def reach(self) -> datetime:
        """How far one looks back to say since when: two weeks before a day, four before a week."""
        return self.start - timedelta(weeks=4 if self.is_week else 2)

    @property
    def name(self) -> str:
        """As its files are named: 2026-07-01, or week-2026-07-05 by its last day."""
        return f"week-{self.last_day}" if self.is_week else str(self.last_day)

    @property
    def title(self) -> str:
        if self.is_week:
            return f"{_spoken(self.first_day)} to {_spoken(self.last_day)}"
        return f"{self.last_day:%A}, {_spoken(self.last_day)}"

    @property
    def shown_until(self) -> str:
        return f" so far, until {self.now:%H:%M} UTC" if self.running else ""


def chosen(day: str | None, *, week: bool, now: datetime) -> Period:
    """The period a person asked for; without a day the last one that is over.

    Raises UsageError for what is no day, and for a day that has not begun.
    """
    last_day = _day(day, now) if day else now.date() - DAY
    if last_day > now.date():
        raise UsageError(f"{last_day} has not begun.", next_step=f"Name a day up to {now.date()} (UTC).")
    return Period(last_day, _WEEK_DAYS if week else 1, now)


def _day(text: str, now: datetime) -> date:
    named = {"today": now.date(), "yesterday": now.date() - DAY}
    if text in named:
        return named[text]
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is no day.", next_step="Write it as 2026-07-01, today or yesterday.") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _spoken(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
