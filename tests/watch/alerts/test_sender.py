"""Channels are tried all at once and in bounded time, through the real Apprise, and no text names their secrets."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from iot_platform.broker.ports import free_port
from iot_platform.watch.alerts.sender import Outcome, channels_of, send
from iot_platform.watch.alerts.texts import Message
from tests.support.receiver import SECRET, Receiver, receiving

AWAY = " did not take the message: nobody takes connections at its server."
REFUSED = " did not take the message: its server is there and refused it."
MESSAGE = Message("[FIRING] dead letters of iot_data: 12.4 %", "Since noon.\nWhat to do: look.", "failure")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def sent(urls: list[SecretStr], deadline_seconds: float = 8.0) -> list[Outcome]:
    outcomes = send(urls, dict.fromkeys(channels_of(urls), MESSAGE), deadline_seconds)
    return [outcomes[channel] for channel in channels_of(urls)]


def test_a_message_arrives_whole_by_each_kind_of_channel(receiver: Receiver) -> None:
    assert sent([receiver.url("json"), receiver.url("xml")]) == [Outcome(True), Outcome(True)]
    as_json, as_xml = sorted(receiver.bodies, key=lambda body: body.startswith("<"))
    assert '"title": "[FIRING] dead letters of iot_data: 12.4 %"' in as_json
    assert '"type": "failure"' in as_json
    assert "<Message>Since noon." in as_xml


def test_what_is_too_long_for_a_service_arrives_in_parts(receiver: Receiver) -> None:
    long = Message("[FIRING] much", "a line of text\n" * 5_000, "warning")  # a JSON message holds 32 kB
    (channel,) = channels_of([receiver.url()])
    assert send([receiver.url()], {channel: long}) == {channel: Outcome(True)}
    assert len(receiver.messages) > 1
    assert sum(message["message"].count("a line of text") for message in receiver.messages) == 5_000


def test_a_channel_that_is_down_refuses_or_is_none_is_told_by_number_and_scheme(receiver: Receiver) -> None:
    with receiving() as refusing:
        refusing.does = "refuse"
        closed = SecretStr(f"json://user:{SECRET}@127.0.0.1:{free_port()}")
        outcomes = sent(
            [closed, refusing.url("xml"), SecretStr(SECRET), SecretStr(f"nosuch://{SECRET}"), receiver.url()]
        )
    assert [outcome.detail for outcome in outcomes] == [
        f"Channel 1 (json){AWAY}",
        f"Channel 2 (xml){REFUSED}",
        "Channel 3 (no scheme) has no URL that Apprise knows: mend alerts.channels.",
        "Channel 4 (nosuch) has no URL that Apprise knows: mend alerts.channels.",
        "",
    ]
    assert [outcome.sent for outcome in outcomes] == [False, False, False, False, True]


def test_a_channel_that_hangs_delays_no_longer_than_the_deadline_and_no_other_channel(receiver: Receiver) -> None:
    with receiving() as hanging:
        hanging.does = "hang"
        start = time.monotonic()
        outcomes = sent([hanging.url(more="&rto=60"), receiver.url()], deadline_seconds=5.0)
        took_seconds = time.monotonic() - start
    assert outcomes == [Outcome(False, "Channel 1 (json) did not answer within 5 s.", unsure=True), Outcome(True)]
    assert took_seconds < 35.0  # the channel would hang for a minute


def test_where_apprise_itself_fails_it_is_told_without_its_words(capfd: pytest.CaptureFixture[str]) -> None:
    urls = [SecretStr(f"json://user:{SECRET}@127.0.0.1")]
    (channel,) = channels_of(urls)
    odd = Message("s", "b", "no mood")  # type: ignore[arg-type]
    assert send(urls, {channel: odd})[channel].detail == "Channel 1 (json) made Apprise fail."
    assert tuple(capfd.readouterr()) == ("", "")


def test_nothing_to_say_starts_nothing() -> None:
    assert send([SecretStr("json://127.0.0.1")], {}) == {}


def test_no_secret_is_in_what_a_channel_shows_of_itself(receiver: Receiver, capfd: pytest.CaptureFixture[str]) -> None:
    receiver.does = "refuse"
    urls = [receiver.url(), SecretStr(f"{SECRET}://x"), SecretStr(f"tgram://{SECRET}/1")]
    shown = repr(urls) + repr(channels_of(urls)[::2]) + repr(sent(urls)[::2])
    assert SECRET not in shown
    assert tuple(capfd.readouterr()) == ("", "")  # nor anything else that a plugin says
