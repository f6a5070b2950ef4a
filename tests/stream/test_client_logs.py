"""librdkafka's logs at a readable length."""

from __future__ import annotations

import logging

import pytest

from iot_platform.stream.client_logs import OncePerInterval

REFUSED = "127.0.0.1:1/bootstrap: Connect failed: Connection refused (after {}ms in state CONNECT)"


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(texts: OncePerInterval, *arguments: str, level: int = logging.ERROR) -> tuple[str, str] | None:
    """Level and text of what is logged."""
    record = logging.LogRecord("kafka", level, __file__, 1, "%s [%s] %s", arguments, None)
    return (record.levelname, record.getMessage()) if texts.filter(record) else None


def test_the_same_failure_is_said_once_an_interval_with_the_number_held_back() -> None:
    clock = Seconds()
    texts = OncePerInterval(30, clock)
    assert said(texts, "FAIL", "c-1", REFUSED.format(0)) == ("WARNING", f"FAIL [c-1] {REFUSED.format(0)}")
    for number in range(5):
        clock.now += 1
        assert said(texts, "FAIL", "c-1", REFUSED.format(number)) is None
    clock.now = 30.0
    again = said(texts, "FAIL", "c-1", REFUSED.format(9))
    assert again == ("WARNING", f"FAIL [c-1] {REFUSED.format(9)}; 5 more of it before")


@pytest.mark.parametrize(
    "other", [("FAIL", "c-2", REFUSED), ("FAIL", "c-1", "another text"), ("TXNERR", "c-1", REFUSED)]
)
def test_another_client_or_text_is_not_held_back(other: tuple[str, str, str]) -> None:
    texts = OncePerInterval()
    assert said(texts, "FAIL", "c-1", REFUSED)
    assert said(texts, *other)


def test_what_is_no_failed_connection_keeps_its_level() -> None:
    assert said(OncePerInterval(), "TXNERR", "c-1", "fatal") == ("ERROR", "TXNERR [c-1] fatal")
