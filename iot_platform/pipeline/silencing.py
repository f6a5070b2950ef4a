"""Silences in the book: made, ended and listed by people; each evaluation reads those that are not over."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from iot_platform.errors import AlreadyRunningError, UsageError
from iot_platform.lifecycle import waited_lease
from iot_platform.settings import Settings
from iot_platform.warehouse.alert_book import Row, open_alert_book
from iot_platform.watch.alerts.rules import load_rules
from iot_platform.watch.alerts.silences import EVERY_RULE, Silence

LONGEST = timedelta(days=90)
_TURN_SECONDS = 60.0


def silence(settings: Settings, made: Silence) -> None:
    """Keep it; of the same rule and subject it takes the place of an earlier one. UsageError for what cannot be."""
    _check_rule(settings, made.rule)
    if not made.because.strip():
        raise UsageError("A silence needs a reason.", next_step="Give it with --because.")
    if made.until - made.made_at > LONGEST:
        raise UsageError(f"A silence lasts {LONGEST.days} days at most.", next_step="Give a shorter --for.")
    with open_alert_book(settings) as book:
        book.add_silence(vars(made))


def end_silence(settings: Settings, rule: str, subject: str, now: datetime) -> bool:
    """Whether there was one of exactly this rule and subject."""
    _check_rule(settings, rule)
    with open_alert_book(settings) as book:
        return book.end_silences(rule, subject, now) > 0


def active_silences(settings: Settings, now: datetime) -> list[Silence]:
    """Those that are not over, the next to end first."""
    if not settings.alert_book_path.exists():
        return []
    with open_alert_book(settings) as book:
        return [Silence(**row) for row in book.silences(now)]


def acknowledge(settings: Settings, rule: str, subject: str, words: str) -> int:
    """Note who looks after the firing incidents of a rule; they are reminded of no more. How many there are.

    Raises AlreadyRunningError when an evaluation does not end: it would write over what is noted.
    """
    _check_rule(settings, rule)
    path = settings.lease_dir / "alerts.lock"
    deadline = time.monotonic() + _TURN_SECONDS
    with waited_lease(path, lambda: time.monotonic() < deadline) as ours:
        if not ours:
            raise AlreadyRunningError("An evaluation of alerts does not end.", next_step="Try again in a moment.")
        with open_alert_book(settings) as book:
            return book.acknowledge(rule, subject, words)


def history(settings: Settings, since: datetime, limit: int) -> list[Row]:
    """Incidents that fired and were not over before `since`, the last to fire first."""
    if not settings.alert_book_path.exists():
        return []
    with open_alert_book(settings) as book:
        return book.history(since, limit)


def _check_rule(settings: Settings, name: str) -> None:
    names = [rule.name for rule in load_rules(settings.alerts.rules)]
    if name != EVERY_RULE and name not in names:
        raise UsageError(f"There is no rule '{name}'.", next_step=f"There are: {', '.join(names)}; * means all.")
