"""What people read: the subject and body of one notice, and of several in one message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from iot_platform.watch.alerts.lifecycle import Incident, Notice

Mood = Literal["success", "warning", "failure"]  # Apprise's words

RUNBOOKS = "docs/runbooks"
"""Where the pages are that say what to do, from the project's folder."""

_WORDS = {"fired": "FIRING", "reminded": "STILL FIRING", "resolved": "RESOLVED"}
_MOODS: tuple[Mood, ...] = ("success", "warning", "failure")
_LONGEST_SUBJECT_CHARACTERS = 200
_LONGEST_FIGURE_CHARACTERS = 600
_MOST_IN_A_MESSAGE = 20
_MOST_ALSO = 10
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@dataclass(frozen=True)
class Message:
    """What a channel gets; its mood is that of its worst notice. `attachment`: a file that goes with it, as a path."""

    subject: str
    body: str
    mood: Mood = "warning"
    attachment: str = ""


def subject_of(notice: Notice) -> str:
    """As in `[FIRING] dead letters of iot_data: 12.4 % in the last hour`."""
    incident = notice.incident
    what = f"over after {lasted(incident, notice.at)}" if notice.event == "resolved" else incident.text
    return shortened(f"[{_WORDS[notice.event]}] {incident.title}: {what}", _LONGEST_SUBJECT_CHARACTERS)


def body_of(notice: Notice, runbooks: str = RUNBOOKS) -> str:
    """Since when, the figure, what follows from it, what to do, and the page that says more."""
    incident = notice.incident
    if notice.event == "resolved":
        said = (
            f"It lasted from {moment(incident.since)} to {moment(notice.at)}. The last that was seen: {incident.text}"
        )
        return "\n".join([said, *_also(incident, "What followed from it")])
    lines = [f"Since {moment(incident.since)} ({lasted(incident, notice.at)}).", incident.text]
    lines += _also(incident, "Also")
    if incident.reminders:
        lines.append(f"This is reminder {incident.reminders}.")
    lines.append(f"What to do: {incident.what_to_do}")
    if page := runbook_of(incident.runbook, runbooks):
        lines.append(f"Runbook: {page}")
    return "\n".join(lines)


def runbook_of(page: str, runbooks: str = RUNBOOKS) -> str:
    """Where the page of a rule is: an address of its own, or a file under `runbooks`; empty for a rule without one."""
    if not page or "://" in page:
        return page
    return f"{runbooks.rstrip('/')}/{page}.md"


def _also(incident: Incident, word: str) -> list[str]:
    if not incident.also:
        return []
    more = f" and {len(incident.also) - _MOST_ALSO} more" if len(incident.also) > _MOST_ALSO else ""
    return [f"{word}: {'; '.join(incident.also[:_MOST_ALSO])}{more}."]


def message_of(notices: Sequence[Notice], instance: str, runbooks: str = RUNBOOKS) -> Message:
    """One message for all that a channel is to get; what fires comes first, and no reminder that is out of date."""
    ordered = sorted(_worth_telling(notices), key=lambda notice: notice.event == "resolved")
    mood = max((_mood(notice) for notice in ordered), key=_MOODS.index)
    sender = f"Installation {instance}."
    if len(ordered) == 1:
        return Message(subject_of(ordered[0]), f"{body_of(ordered[0], runbooks)}\n\n{sender}", mood)
    parts = [f"{subject_of(notice)}\n{body_of(notice, runbooks)}" for notice in ordered[:_MOST_IN_A_MESSAGE]]
    if len(ordered) > len(parts):
        parts.append(f"And {len(ordered) - len(parts)} more: see `iot-platform alerts list`.")
    return Message(_shared_subject(ordered), "\n\n".join([*parts, sender]), mood)


def trial(instance: str, now: datetime) -> Message:
    """A message that shows that a channel works."""
    return Message(
        f"[TEST] alerts of installation {instance}", f"A test, sent at {moment(now)}. Alerts come here.", "success"
    )


def sentence(incident: Incident) -> str:
    """A firing incident in one line, as `status` shows it."""
    return f"{incident.title}: {incident.text}"


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def lasted(incident: Incident, now: datetime) -> str:
    """How long, in its two largest units."""
    seconds = max(0, int((now - incident.since).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"


def shortened(text: str, characters: int) -> str:
    """On one line, and no longer than `characters`."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def _worth_telling(notices: Sequence[Notice]) -> list[Notice]:
    """Without the reminders after which the same incident has more to tell."""
    last = {(notice.incident.key, notice.incident.since): position for position, notice in enumerate(notices)}
    return [
        notice
        for position, notice in enumerate(notices)
        if notice.event != "reminded" or last[notice.incident.key, notice.incident.since] == position
    ]


def _mood(notice: Notice) -> Mood:
    if notice.event == "resolved":
        return "success"
    return "failure" if notice.incident.level == "error" else "warning"


def _shared_subject(notices: Sequence[Notice]) -> str:
    counts = [(word, sum(notice.event == event for notice in notices)) for event, word in _WORDS.items()]
    head = ", ".join(f"{count} {word}" for word, count in counts if count)
    titles = dict.fromkeys(notice.incident.title for notice in notices)
    return shortened(f"[{head}] {', '.join(titles)}", _LONGEST_SUBJECT_CHARACTERS)
