"""What people read is short, has the figure in it, and says what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iot_platform.watch.alerts.lifecycle import Event, Incident, Notice
from iot_platform.watch.alerts.texts import lasted, message_of, subject_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

INCIDENT = Incident(
    rule="dead_letters",
    subject="iot_data",
    level="error",
    title="dead letters of iot_data",
    what_to_do="Look at `iot-platform dlq list`.",
    text="12.4 % in the last hour",
    kind="check",
    signal="dead_letter_share",
    source="iot_data",
    since=NOON,
    fired_at=NOON + timedelta(minutes=2),
)


def notice(event: Event, minutes: float = 12, incident: Incident = INCIDENT) -> Notice:
    return Notice(event, incident, NOON + timedelta(minutes=minutes))


def test_a_firing_says_since_when_how_much_and_what_to_do() -> None:
    message = message_of([notice("fired")], "inst-1")
    assert message.subject == "[FIRING] dead letters of iot_data: 12.4 % in the last hour"
    assert message.body == (
        "Since 2026-01-01 12:00:00 UTC (12 min 0 s).\n"
        "12.4 % in the last hour\n"
        "What to do: Look at `iot-platform dlq list`.\n\n"
        "Installation inst-1."
    )
    assert message.mood == "failure"


def test_a_firing_names_what_follows_from_it_and_its_page() -> None:
    also = tuple(f"loader-{n} is behind" for n in range(12))
    message = message_of([notice("fired", incident=replace(INCIDENT, also=also, runbook="dead_letters"))], "inst-1")
    lines = message.body.splitlines()
    assert lines[2].startswith("Also: loader-0 is behind; loader-1 is behind; ")
    assert lines[2].endswith("; loader-9 is behind and 2 more.")
    assert lines[4] == "Runbook: docs/runbooks/dead_letters.md"
    over = message_of(
        [notice("resolved", incident=replace(INCIDENT, also=also[:1]))], "inst-1", "https://example.org/r"
    )
    assert "What followed from it: loader-0 is behind." in over.body
    fired = message_of([notice("fired", incident=replace(INCIDENT, runbook="x"))], "inst-1", "https://example.org/r")
    assert "Runbook: https://example.org/r/x.md" in fired.body


def test_a_reminder_says_its_number() -> None:
    message = message_of([notice("reminded", 300, replace(INCIDENT, reminders=2))], "inst-1")
    assert message.subject.startswith("[STILL FIRING] dead letters of iot_data: 12.4 %")
    assert "This is reminder 2." in message.body


def test_a_resolve_says_how_long_it_lasted() -> None:
    message = message_of([notice("resolved", 90)], "inst-1")
    assert message.subject == "[RESOLVED] dead letters of iot_data: over after 1 h 30 min"
    assert "It lasted from 2026-01-01 12:00:00 UTC to 2026-01-01 13:30:00 UTC." in message.body
    assert message.mood == "success"


def test_several_notices_are_one_message_and_what_fires_comes_first() -> None:
    lag = replace(INCIDENT, rule="behind", title="loader-iot_data is behind", level="warn", text="130 s behind")
    message = message_of([notice("resolved"), notice("fired", incident=lag)], "inst-1")
    assert message.subject == "[1 FIRING, 1 RESOLVED] loader-iot_data is behind, dead letters of iot_data"
    assert message.body.index("[FIRING] loader-iot_data is behind") < message.body.index("[RESOLVED] dead letters")
    assert message.mood == "warning"


def test_reminders_that_are_out_of_date_are_left_out() -> None:
    late = [notice("fired"), notice("reminded", 60), notice("reminded", 120)]
    assert message_of(late, "i").subject == "[1 FIRING, 1 STILL FIRING] dead letters of iot_data"
    over = message_of([*late, notice("resolved", 130)], "i")
    assert over.subject == "[1 FIRING, 1 RESOLVED] dead letters of iot_data"


def test_a_flood_is_cut_and_says_where_the_rest_is() -> None:
    many = [notice("fired", incident=replace(INCIDENT, subject=f"s{n}", title=f"sensor s{n}")) for n in range(500)]
    message = message_of(many, "i")
    assert len(message.subject) <= 200
    assert len(message.body) < 10_000
    assert "And 480 more: see `iot-platform alerts list`." in message.body


def test_a_subject_is_one_line_of_bounded_length() -> None:
    text = subject_of(notice("fired", incident=replace(INCIDENT, text="a\nb\r\n" + "x" * 10_000)))
    assert len(text) == 200
    assert "\n" not in text
    assert "\r" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86_400, "1 d 0 h"),
        (100 * 86_400, "100 d 0 h"),
    ],
)
def test_durations_are_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert lasted(INCIDENT, NOON + timedelta(seconds=seconds)) == text
