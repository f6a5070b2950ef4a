"""Alerts put together: signals through the rules and the lifecycle into the book, and out to the channels.

One evaluation, in this order, so that a crash at any point loses no notice (it may be told twice):

    1  book         what changed, and the notices with their deliveries still pending, in one transaction
    2  firing.json  what fires now, for `status` and the UI
    3  channels     everything pending: the new notices, and those that could not be delivered before
    4  book         what became of them
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from iot_platform.clock import Clock
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import lease
from iot_platform.pipeline.firing import SENSOR, write_firing
from iot_platform.settings import Settings
from iot_platform.warehouse.alert_book import AlertBook, NewNotice, Row, open_alert_book
from iot_platform.watch.alerts.delivery import Delivered, Due, channels_for, delivered, nowhere, settled
from iot_platform.watch.alerts.lifecycle import Incident, Key, Notice, advance
from iot_platform.watch.alerts.rules import load_rules
from iot_platform.watch.alerts.sender import Channel, Outcome, channels_of, send
from iot_platform.watch.alerts.shown import notice_row
from iot_platform.watch.alerts.signals import Signal
from iot_platform.watch.alerts.silences import Silence
from iot_platform.watch.alerts.texts import Message, message_of, subject_of, trial

__all__ = ["Delivered", "Evaluation", "Signal", "evaluate", "fired_between", "recent", "try_channels"]


@dataclass(frozen=True)
class Evaluation:
    """What fires now, and the notices that were told, or should have been, in this evaluation."""

    firing: tuple[Incident, ...]
    notices: tuple[Delivered, ...]


def evaluate(
    settings: Settings, clock: Clock, signals: Iterable[Signal], unknown: Collection[str] = (), by: str = SENSOR
) -> Evaluation:
    """One evaluation, by one of the evaluators. `unknown` names what could not be observed: `lag`, `check/freshness`,
    `lag/seconds_behind/loader-iot_data`; everything else that gives no signal is well. So an observer of one kind
    names the other kinds in `unknown`: `set(KINDS) - {"lag"}`. What gives a signal was seen, also one of level ok.

    Raises SettingsError for malformed rules, AlreadyRunningError when another process evaluates.
    """
    rules = load_rules(settings.alerts.rules)
    with lease(settings.lease_dir / "alerts.lock", "An evaluation of alerts"):
        now = clock.now()
        with open_alert_book(settings) as book:
            memory = {incident.key: incident for incident in map(_incident, book.open_incidents())}
            silences = [Silence(**row) for row in book.silences(now)]
            after, notices = advance(rules, memory, signals, now, unknown, silences)
            unsent = _record(settings, book, memory, after, notices)
            book.remove_before(now - timedelta(days=settings.dagster.retention_days), _history_from(settings, now))
            due = [_due(row) for row in book.due(now)]
        firing = tuple(incident for incident in after.values() if incident.fired_at is not None)
        write_firing(settings, firing, now, by)
        faultpoint("alerts.recorded")
        return Evaluation(firing, (*unsent, *_deliver(settings, clock, due)))


def _history_from(settings: Settings, now: datetime) -> datetime | None:
    """Incidents stay as long as the rows that they tell of: a report of those days must be able to name them."""
    days = settings.warehouse.retention_days
    return None if days is None else now - timedelta(days=max(days, settings.dagster.retention_days))


def recent(settings: Settings, limit: int = 50) -> list[dict[str, Any]]:
    """The newest notices first, one `notice_row` each. Empty before the first evaluation."""
    if not settings.alert_book_path.exists():
        return []
    with open_alert_book(settings) as book:
        return [notice_row(row) for row in book.recent_notices(limit)]


def fired_between(settings: Settings, start: datetime, end: datetime) -> list[Row]:
    """Incidents that fired, or still did, from `start` to before `end`. Empty before the first evaluation."""
    if not settings.alert_book_path.exists():
        return []
    with open_alert_book(settings) as book:
        return book.fired_between(start, end)


def try_channels(settings: Settings, clock: Clock) -> list[dict[str, Any]]:
    """Send a test message to every channel: channel, scheme, sent, detail. Remembers nothing."""
    channels = channels_of(settings.alerts.channels)
    message = trial(settings.instance, clock.now())
    outcomes = send(settings.alerts.channels, dict.fromkeys(channels, message))
    return [
        {
            "channel": channel.number,
            "scheme": channel.scheme,
            "sent": outcomes[channel].sent,
            "detail": outcomes[channel].detail,
        }
        for channel in channels
    ]


def _record(
    settings: Settings,
    book: AlertBook,
    memory: dict[Key, Incident],
    after: dict[Key, Incident],
    notices: Sequence[Notice],
) -> list[Delivered]:
    """Step 1; the notices that go nowhere."""
    channels = channels_of(settings.alerts.channels)
    goes_to = {position: channels_for(notice, channels) for position, notice in enumerate(notices)}
    resolved = [notice.incident for notice in notices if notice.event == "resolved"]
    changed = [incident for key, incident in after.items() if memory.get(key) != incident]
    forgotten = sorted(memory.keys() - after.keys() - {incident.key for incident in resolved})
    rows = [asdict(incident) for incident in (*resolved, *changed)]
    book.record(forgotten, rows, [_kept(notice, goes_to[position]) for position, notice in enumerate(notices)])
    return nowhere(notices, goes_to)


def _incident(row: Row) -> Incident:
    return Incident(**{**row, "also": tuple(row["also"])})


def _kept(notice: Notice, channels: Sequence[Channel]) -> NewNotice:
    return NewNotice(
        event=notice.event,
        at=notice.at,
        subject=subject_of(notice),
        incident_json=msgspec.json.encode(notice.incident).decode(),
        channels=[(channel.number, channel.scheme) for channel in channels],
    )


def _due(row: Row) -> Due:
    incident = msgspec.json.decode(row["incident"], type=Incident)
    notice = Notice(row["event"], incident, row["told_at"])
    return Due(row["notice_id"], notice, Channel(row["channel"], row["scheme"]), row["attempts"])


def _deliver(settings: Settings, clock: Clock, due: Sequence[Due]) -> list[Delivered]:
    """Steps 3 and 4. The book is closed while channels are tried: its readers need not wait for them."""
    if not due:
        return []
    outcomes = _outcomes(settings, due)
    faultpoint("alerts.sent")
    tries = [settled(one, outcomes[one.channel], clock.now()) for one in due]
    with open_alert_book(settings) as book:
        book.settle(asdict(tried) for tried in tries)
    return delivered(due, tries)


def _outcomes(settings: Settings, due: Sequence[Due]) -> dict[Channel, Outcome]:
    """One message a channel, with all that it is to get; who is no longer configured gets none."""
    urls = settings.alerts.channels
    messages: dict[Channel, Message] = {}
    gone: dict[Channel, Outcome] = {}
    there = set(channels_of(urls))
    for channel in dict.fromkeys(one.channel for one in due):
        if channel in there:
            mine = [one.notice for one in due if one.channel == channel]
            messages[channel] = message_of(mine, settings.instance, settings.alerts.runbooks)
        else:
            gone[channel] = Outcome(sent=False, detail=f"{channel} is no longer in alerts.channels.", again=False)
    return {**gone, **send(urls, messages)}
