"""Who still has to get which notice, when it is tried again, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from iot_platform.watch.alerts.lifecycle import Notice
from iot_platform.watch.alerts.sender import Channel, Outcome

NO_CHANNEL = "No channel is configured: set alerts.channels."
KEPT_ONLY = "Information is kept and shown, not sent."

_FIRST_RETRY_SECONDS = 30.0
_LONGEST_RETRY_SECONDS = 900.0
_GIVE_UP_SECONDS = 86_400.0
_LONGEST_UNSURE_SECONDS = 14_400.0


@dataclass(frozen=True)
class Delivered:
    """What became of a notice in this evaluation; `retrying` when a channel that failed is tried again."""

    notice: Notice
    outcome: Literal["sent", "not_sent", "failed"]
    detail: str = ""
    retrying: bool = False


@dataclass(frozen=True)
class Due:
    """A notice that a channel is still to get."""

    notice_id: int
    notice: Notice
    channel: Channel
    attempts: int


@dataclass(frozen=True)
class Settled:
    """A try, as the book keeps it: `pending` is tried again at `next_at`, `failed` never."""

    notice_id: int
    channel: int
    outcome: Literal["sent", "pending", "failed"]
    attempts: int
    next_at: datetime | None
    detail: str


def channels_for(notice: Notice, channels: Sequence[Channel]) -> Sequence[Channel]:
    return () if notice.incident.level == "info" or notice.incident.silenced else channels


def why_not_sent(level: str, silenced: str = "") -> str:
    return silenced or (KEPT_ONLY if level == "info" else NO_CHANNEL)


def retry_at(attempts: int, now: datetime, told_at: datetime, *, unsure: bool = False) -> datetime | None:
    """When to try again after so many attempts: at the next evaluation, then ever later; None = a day is enough.

    `unsure`: it may have been taken, by a channel that is slow to say so. Then it is tried a dozen times a day, not a
    hundred, for people may get it each time.
    """
    if (now - told_at).total_seconds() >= _GIVE_UP_SECONDS:
        return None
    if attempts <= 1:
        return now
    longest, factor = (_LONGEST_UNSURE_SECONDS, 4) if unsure else (_LONGEST_RETRY_SECONDS, 2)
    return now + timedelta(seconds=min(longest, _FIRST_RETRY_SECONDS * factor ** min(attempts - 2, 10)))


def settled(one: Due, outcome: Outcome, now: datetime) -> Settled:
    attempts = one.attempts + 1
    again = retry_at(attempts, now, one.notice.at, unsure=outcome.unsure) if outcome.again else None
    after: Literal["sent", "pending", "failed"] = "sent" if outcome.sent else "pending" if again else "failed"
    return Settled(one.notice_id, one.channel.number, after, attempts, again, outcome.detail)


def delivered(due: Iterable[Due], tries: Iterable[Settled]) -> list[Delivered]:
    """By notice: sent only where every channel that was tried took it."""
    notices: dict[int, Notice] = {}
    by_notice: dict[int, list[Settled]] = {}
    for one, tried in zip(due, tries, strict=True):
        notices[one.notice_id] = one.notice
        by_notice.setdefault(one.notice_id, []).append(tried)
    return [_delivered(notices[notice_id], parts) for notice_id, parts in by_notice.items()]


def nowhere(notices: Iterable[Notice], goes_to: Mapping[int, Sequence[Channel]]) -> list[Delivered]:
    """The notices that no channel gets; `goes_to` is by position."""
    return [
        Delivered(notice, "not_sent", why_not_sent(notice.incident.level, notice.incident.silenced))
        for position, notice in enumerate(notices)
        if not goes_to[position]
    ]


def _delivered(notice: Notice, parts: Sequence[Settled]) -> Delivered:
    return Delivered(
        notice=notice,
        outcome="sent" if all(part.outcome == "sent" for part in parts) else "failed",
        detail=" ".join(part.detail for part in parts if part.detail),
        retrying=any(part.outcome == "pending" for part in parts),
    )
