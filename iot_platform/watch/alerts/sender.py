"""Send messages to channels, in bounded time, and say what became of each. A channel's URL is a secret: it is given to
the courier alone, and every text names a channel by its number and scheme."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from iot_platform.watch.alerts.texts import Message

DEADLINE_SECONDS = 8.0  # for all channels together: an evaluation must not wait longer

_FIRST_RETRY_SECONDS = 30.0
_LONGEST_RETRY_SECONDS = 900.0
_GIVE_UP_SECONDS = 86_400.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,19})://")


@dataclass(frozen=True)
class Channel:
    """Where messages go, as it may be shown. Numbers count from 1, in the order of alerts.channels."""

    number: int
    scheme: str

    def __str__(self) -> str:
        return f"Channel {self.number} ({self.scheme})"


@dataclass(frozen=True)
class Outcome:
    """What became of one message to one channel; `detail` says why not."""

    sent: bool
    detail: str = ""


def channels_of(urls: Sequence[SecretStr]) -> tuple[Channel, ...]:
    return tuple(Channel(number, _scheme(url)) for number, url in enumerate(urls, start=1))


def send(
    urls: Sequence[SecretStr], messages: Mapping[Channel, Message], deadline_seconds: float = DEADLINE_SECONDS
) -> dict[Channel, Outcome]:
    """Send each channel its message, all at the same time. A channel that did not answer by the deadline has failed,
    though it may have taken the message: it then gets it again, never not at all."""
    if not messages:
        return {}
    answers = dict(_answers(_courier(urls, messages, deadline_seconds)))
    silent = f"gave no answer within {deadline_seconds:g} s"
    return {channel: answers.get(channel.number) or Outcome(False, f"{channel} {silent}.") for channel in messages} | {
        channel: Outcome(False, f"{channel} {answers[channel.number].detail}")
        for channel in messages
        if channel.number in answers and not answers[channel.number].sent
    }


def retry_at(attempts: int, now: datetime, told_at: datetime) -> datetime | None:
    """When to try again after so many attempts: at the next evaluation, then ever later; None = a day is enough."""
    if (now - told_at).total_seconds() >= _GIVE_UP_SECONDS:
        return None
    wait = 0.0 if attempts <= 1 else min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(attempts - 2, 10))
    return now + timedelta(seconds=wait)


def _scheme(url: SecretStr) -> str:
    match = _SCHEME.match(url.get_secret_value())
    return match.group(1).lower() if match else "no scheme"


def _courier(urls: Sequence[SecretStr], messages: Mapping[Channel, Message], deadline_seconds: float) -> str:
    order = {
        "deadline_seconds": deadline_seconds,
        "channels": {
            channel.number: {"url": urls[channel.number - 1].get_secret_value(), **vars(message)}
            for channel, message in messages.items()
        },
    }
    with subprocess.Popen(
        [sys.executable, "-m", "iot_platform.watch.alerts.courier"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what plugins log may name the channel's URL
        text=True,
    ) as courier:
        try:
            return courier.communicate(json.dumps(order), timeout=deadline_seconds)[0]
        except subprocess.TimeoutExpired:
            courier.kill()
            return courier.communicate()[0]
        except BaseException:
            courier.kill()
            raise


def _answers(lines: str) -> Iterator[tuple[int, Outcome]]:
    for line in lines.splitlines():
        answer = json.loads(line)
        if answer["taken"]:
            yield answer["channel"], Outcome(True)
        elif answer["known"]:
            yield answer["channel"], Outcome(False, "did not take the message.")
        else:
            yield answer["channel"], Outcome(False, "is no URL that Apprise knows: mend alerts.channels.")
