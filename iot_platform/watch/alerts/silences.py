"""Silences: a person wants no messages of a rule for a time. What is silenced is kept and shown, not sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

EVERY_RULE = "*"
ANY_SUBJECT = ""


@dataclass(frozen=True)
class Silence:
    """Of `rule` (or EVERY_RULE) and of `subject` as incidents name it (or ANY_SUBJECT), until before `until`."""

    rule: str
    subject: str
    made_at: datetime
    until: datetime
    made_by: str
    because: str

    @property
    def sentence(self) -> str:
        return f"Silenced until {self.until:%Y-%m-%d %H:%M} UTC by {self.made_by}: {self.because}"

    def covers(self, rule: str, subject: str, now: datetime) -> bool:
        return now < self.until and self.rule in (EVERY_RULE, rule) and self.subject in (ANY_SUBJECT, subject)


def silenced_by(silences: Iterable[Silence], rule: str, subject: str, now: datetime) -> str:
    """Why an incident is not told now, in the words of the silence that lasts longest; empty when none covers it."""
    covering = [silence for silence in silences if silence.covers(rule, subject, now)]
    return max(covering, key=lambda silence: silence.until).sentence if covering else ""
