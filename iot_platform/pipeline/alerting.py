"""Alerts put together: signals through the rules and the lifecycle into the book, and out to the channels.

One evaluation, in this order, so that a crash at any point loses no notice (it may be told twice):

    1  book         what changed, and the notices with their deliveries still pending, in one transaction
    2  firing.json  what fires now, for `status` and the UI
    3  channels     everything pending: the new notices, and those that could not be delivered before
    4  book         what became of them
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from iot_platform.clock import Clock
from iot_platform.faultpoints import faultpoint
from iot_platform.lifecycle import lease, write_atomically
from iot_platform.settings import Settings
from iot_platform.warehouse.alert_book import NewNotice, Row, open_alert_book
from iot_platform.watch.alerts.lifecycle import Incident, Key, Notice, advance
from iot_platform.watch.alerts.rules import Rule, load_rules
from iot_platform.watch.alerts.sender import Channel, Outcome, channels_of, retry_at, send
from iot_platform.watch.alerts.signals import Signal
from iot_platform.watch.alerts.texts import Message, message_of, moment, sentence, subject_of

NO_CHANNEL = "No channel is configured: set alerts.channels."
KEPT_ONLY = "Information is kept and shown, not sent."


@dataclass(frozen=True)
class Delivered:
    """What became of a notice in this evaluation; `retrying` when a channel that failed is tried again."""

    notice: Notice
    outcome: Literal["sent", "not_sent", "failed"]
    detail: str = ""
    retrying: bool = False


@dataclass(frozen=True)
class Evaluation:
    """What fires now, and the notices that were told, or should have been, in this evaluation."""

    firing: tuple[Incident, ...]
    notices: tuple[Delivered, ...]


@dataclass(frozen=True)
class _Due:
    """A notice that a channel is still to get."""

    notice_id: int
    notice: Notice
    channel: Channel
    attempts: int


def evaluate(settings: Settings, clock: Clock, signals: Iterable[Signal], unknown: Collection[str] = ()) -> Evaluation:
    """One evaluation. `unknown` names what could not be observed: `lag`, `check/freshness`,
    `lag/seconds_behind/loader-iot_data`; everything else that gives no signal is well.

    Raises SettingsError for malformed rules, AlreadyRunningError when another process evaluates.
    """
    rules = load_rules(settings.alerts.rules)
    with lease(settings.lease_dir / "alerts.lock", "An evaluation of alerts"):
        now = clock.now()
        firing, unsent, due = _observe(settings, rules, signals, now, unknown)
        _write_firing(settings, firing, now)
        faultpoint("alerts.recorded")
        outcomes = _deliver(settings, due)
        faultpoint("alerts.sent")
        settled = [_settled(one, outcomes[one.channel], clock.now()) for one in due]
        if settled:
            with open_alert_book(settings) as book:
                book.settle(settled)
        return Evaluation(firing, (*unsent, *_delivered(due, outcomes, settled)))


def firing_alerts(settings: Settings) -> list[dict[str, Any]]:
    """What fires, as the last evaluation left it; blocks nobody. Keys: what, text, and the incident's own."""
    try:
        document = json.loads(_firing_path(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    firing: list[dict[str, Any]] = document["firing"]
    return firing


def recent(settings: Settings, limit: int = 50) -> list[dict[str, Any]]:
    """The newest notices first, each with what became of it. Empty before the first evaluation."""
    if not settings.alert_book_path.exists():
        return []
    with open_alert_book(settings, read_only=True) as book:
        return [_recent(row) for row in book.recent_notices(limit)]


def try_channels(settings: Settings, clock: Clock) -> list[dict[str, Any]]:
    """Send a test message to every channel: channel, scheme, sent, detail. Remembers nothing."""
    message = Message(
        subject=f"[TEST] alerts of installation {settings.instance}",
        body=f"This is a test, sent at {moment(clock.now())}. Alerts come here.",
        mood="success",
    )
    channels = channels_of(settings.alerts.channels)
    outcomes = send(settings.alerts.channels, dict.fromkeys(channels, message))
    return [{"channel": channel.number, "scheme": channel.scheme, **vars(outcomes[channel])} for channel in channels]


def _observe(
    settings: Settings, rules: Sequence[Rule], signals: Iterable[Signal], now: datetime, unknown: Collection[str]
) -> tuple[tuple[Incident, ...], list[Delivered], list[_Due]]:
    """Step 1: what fires, the notices that go nowhere, and all that is to be delivered."""
    channels = channels_of(settings.alerts.channels)
    with open_alert_book(settings) as book:
        memory = {incident.key: incident for incident in (Incident(**row) for row in book.open_incidents())}
        after, notices = advance(rules, memory, signals, now, unknown)
        kept = [_new_notice(notice, channels) for notice in notices]
        changed = [incident for key, incident in after.items() if memory.get(key) != incident]
        resolved = [notice.incident for notice in notices if notice.event == "resolved"]
        gone = _forgotten(memory, after, resolved)
        if changed or resolved or gone:
            # A resolve goes first: the same trouble may come back in the evaluation that ends it.
            book.record(gone, [asdict(incident) for incident in (*resolved, *changed)], kept)
        book.remove_before(now - timedelta(days=settings.dagster.retention_days))
        due = [_due(row) for row in book.due(now)]
    unsent = [
        Delivered(notice, "not_sent", _why_not_sent(notice))
        for notice, new in zip(notices, kept, strict=True)
        if not new.channels
    ]
    return tuple(one for one in after.values() if one.fired_at is not None), unsent, due


def _forgotten(
    memory: Mapping[Key, Incident], after: Mapping[Key, Incident], resolved: Iterable[Incident]
) -> list[Key]:
    return sorted(memory.keys() - after.keys() - {incident.key for incident in resolved})


def _new_notice(notice: Notice, channels: Sequence[Channel]) -> NewNotice:
    goes_to = () if notice.incident.level == "info" else channels
    return NewNotice(
        event=notice.event,
        at=notice.at,
        subject=subject_of(notice),
        incident_json=msgspec.json.encode(notice.incident).decode(),
        channels=[(channel.number, channel.scheme) for channel in goes_to],
    )


def _due(row: Row) -> _Due:
    incident = msgspec.json.decode(row["incident"], type=Incident)
    notice = Notice(row["event"], incident, row["told_at"])
    return _Due(row["notice_id"], notice, Channel(row["channel"], row["scheme"]), row["attempts"])


def _deliver(settings: Settings, due: Sequence[_Due]) -> dict[Channel, Outcome]:
    """One message a channel, with all that it is to get."""
    urls = settings.alerts.channels
    there = set(channels_of(urls))
    wanted = {one.channel for one in due}
    messages = {
        channel: message_of([one.notice for one in due if one.channel == channel], settings.instance)
        for channel in sorted(wanted & there, key=lambda channel: channel.number)
    }
    gone = {channel: Outcome(False, f"{channel} is no longer in alerts.channels.") for channel in wanted - there}
    return {**gone, **send(urls, messages)}


def _settled(one: _Due, outcome: Outcome, now: datetime) -> Row:
    attempts = one.attempts + 1
    again = None if outcome.sent else retry_at(attempts, now, one.notice.at)
    return {
        "notice_id": one.notice_id,
        "channel": one.channel.number,
        "outcome": "sent" if outcome.sent else "failed" if again is None else "pending",
        "attempts": attempts,
        "next_at": again,
        "detail": outcome.detail,
    }


def _delivered(due: Sequence[_Due], outcomes: Mapping[Channel, Outcome], settled: Sequence[Row]) -> list[Delivered]:
    """By notice: sent only where every channel that was tried took it."""
    by_notice: dict[int, list[tuple[_Due, Row]]] = {}
    for one, row in zip(due, settled, strict=True):
        by_notice.setdefault(one.notice_id, []).append((one, row))
    return [
        Delivered(
            notice=pairs[0][0].notice,
            outcome="sent" if all(outcomes[one.channel].sent for one, _ in pairs) else "failed",
            detail=" ".join(row["detail"] for _, row in pairs if row["detail"]),
            retrying=any(row["outcome"] == "pending" for _, row in pairs),
        )
        for pairs in by_notice.values()
    ]


def _why_not_sent(notice: Notice) -> str:
    return KEPT_ONLY if notice.incident.level == "info" else NO_CHANNEL


def _firing_path(settings: Settings) -> Path:
    return settings.alert_book_path.with_name("firing.json")


def _write_firing(settings: Settings, firing: Iterable[Incident], now: datetime) -> None:
    rows = [{"what": incident.rule, "text": sentence(incident), **_shown(incident)} for incident in firing]
    write_atomically(_firing_path(settings), json.dumps({"at": now.isoformat(), "firing": rows}))


def _shown(incident: Incident) -> dict[str, Any]:
    return {
        "subject": incident.subject,
        "level": incident.level,
        "title": incident.title,
        "figure": incident.text,
        "what_to_do": incident.what_to_do,
        "since": incident.since.isoformat(),
        "fired_at": incident.fired_at.isoformat() if incident.fired_at else None,
        "reminders": incident.reminders,
    }


def _recent(row: Row) -> dict[str, Any]:
    incident = json.loads(row["incident"])
    deliveries = row["deliveries"]
    outcomes = {delivery["outcome"] for delivery in deliveries}
    detail = " ".join(delivery["detail"] for delivery in deliveries if delivery["detail"])
    if not deliveries:
        detail = KEPT_ONLY if incident["level"] == "info" else NO_CHANNEL
    return {
        "event": row["event"],
        "at": row["told_at"].isoformat(),
        "rule": incident["rule"],
        "subject": incident["subject"],
        "level": incident["level"],
        "text": row["subject"],
        "outcome": "not_sent" if not deliveries else "sent" if outcomes == {"sent"} else "failed",
        "retrying": "pending" in outcomes,
        "detail": detail,
        "channels": deliveries,
    }
