"""Send messages to channels, in bounded time, and say what became of each. A channel's URL is a secret: it is given to
the courier alone, and every text names a channel by its number and scheme."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from iot_platform.watch.alerts.texts import Message

DEADLINE_SECONDS = 8.0  # for all channels together: an evaluation must not wait longer
_START_SECONDS = 30.0  # until Apprise is imported: half a second, on a busy machine much more
_TOO_LATE = 75  # the courier's exit code; to import the courier would import Apprise
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
    """What became of one message to one channel; `detail` says why not, `again` whether another try may help, `unsure`
    that it may have been taken: nobody said."""

    sent: bool
    detail: str = ""
    again: bool = True
    unsure: bool = False


def channels_of(urls: Sequence[SecretStr]) -> tuple[Channel, ...]:
    return tuple(Channel(number, _scheme(url)) for number, url in enumerate(urls, start=1))


def send(
    urls: Sequence[SecretStr], messages: Mapping[Channel, Message], deadline_seconds: float = DEADLINE_SECONDS
) -> dict[Channel, Outcome]:
    """Send each channel its message, all at the same time. A channel that did not answer by the deadline has failed,
    though it may have taken the message: it then gets it again, never not at all."""
    if not messages:
        return {}
    lines, in_time = _courier(urls, messages, deadline_seconds)
    answers = {answer["channel"]: answer for answer in map(json.loads, lines.splitlines())}
    silent = f"did not answer within {deadline_seconds:g} s" if not in_time else "made Apprise fail"
    return {channel: _outcome(channel, answers.get(channel.number), silent) for channel in messages}


def _scheme(url: SecretStr) -> str:
    match = _SCHEME.match(url.get_secret_value())
    return match.group(1).lower() if match else "no scheme"


def _courier(
    urls: Sequence[SecretStr], messages: Mapping[Channel, Message], deadline_seconds: float
) -> tuple[str, bool]:
    """What the courier printed, and whether it ended by itself."""
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
            lines, _ = courier.communicate(json.dumps(order), timeout=_START_SECONDS + deadline_seconds)
        except subprocess.TimeoutExpired:
            courier.kill()
            return courier.communicate()[0], False
        except BaseException:
            courier.kill()
            raise
    return lines, courier.returncode != _TOO_LATE


def _outcome(channel: Channel, answer: Mapping[str, Any] | None, silent: str) -> Outcome:
    if answer is None:
        return Outcome(sent=False, detail=f"{channel} {silent}.", unsure=True)
    if answer["taken"]:
        return Outcome(sent=True)
    if not answer["known"]:
        return Outcome(sent=False, detail=f"{channel} has no URL that Apprise knows: mend alerts.channels.")
    why = f": {answer['why']}" if answer["why"] else ""
    return Outcome(sent=False, detail=f"{channel} did not take the message{why}.")
