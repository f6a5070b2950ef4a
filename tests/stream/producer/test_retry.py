"""When a delivery fails: waits, attempts and phases, as tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iot_platform.settings import ProducerSettings
from iot_platform.stream.producer.retry import Phase, RetryPolicy, RetryState

POLICY = RetryPolicy(delivery_timeout_seconds=10, retries=5, backoff_seconds=0.5, backoff_max_seconds=15)
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "jitter", "seconds"),
    [(1, 1, 0.5), (2, 1, 1), (3, 1, 2), (4, 1, 4), (5, 1, 8), (6, 1, 15), (10_000, 1, 15), (1, 0, 0.25), (3, 0.5, 1.5)],
)
def test_the_wait_doubles_up_to_its_limit_and_jitter_spreads_its_upper_half(
    failures: int, jitter: float, seconds: float
) -> None:
    assert POLICY.wait_seconds(failures, jitter) == seconds


@pytest.mark.parametrize(
    ("head_since", "now", "stalled"), [(None, 99, False), (0, 9.9, False), (0, 10, True), (95, 99, False)]
)
def test_an_attempt_stalls_when_its_oldest_batch_waits_too_long(
    head_since: float | None, now: float, stalled: bool
) -> None:
    assert POLICY.has_stalled(head_since, now) is stalled


def test_five_retries_then_away() -> None:
    state = RetryState(POLICY, jitter=lambda: 1.0)
    seen = []
    for _ in range(7):
        seen.append((state.failed("no answer", now=100.0, at=AT), state.phase, state.failures))
        state.resumed()
    assert seen == [
        (0.5, Phase.WAITING, 1),
        (1.0, Phase.WAITING, 2),
        (2.0, Phase.WAITING, 3),
        (4.0, Phase.WAITING, 4),
        (8.0, Phase.WAITING, 5),
        (2.0, Phase.AWAY, 6),
        (2.0, Phase.AWAY, 7),
    ]
    (incident,) = state.incidents
    assert incident.outcome == "away: readings wait in the spool"
    assert list(incident.attempts)[:2] == [("no answer", 0.5), ("no answer", 1.0)]


def test_nothing_is_due_before_its_time_and_never_while_sending() -> None:
    state = RetryState(POLICY, jitter=lambda: 1.0)
    assert not state.is_due(1e9)
    state.failed("x", now=100.0, at=AT)
    assert not state.is_due(100.4)
    assert state.is_due(100.5)
    state.probe_failed(now=101.0)
    assert not state.is_due(102.9)
    assert state.is_due(103.0)


def test_a_delivery_ends_the_incident_and_the_next_one_begins_anew() -> None:
    state = RetryState(POLICY, jitter=lambda: 1.0)
    assert state.delivered() is False
    state.failed("x", now=0, at=AT)
    state.resumed()
    assert state.delivered() is True
    assert state.failures == 0
    assert state.incidents[-1].outcome == "delivered after 1 failed attempts"
    assert state.failed("y", now=0, at=AT) == 0.5
    assert len(state.incidents) == 2


def test_the_settings_default_to_five_retries() -> None:
    assert RetryPolicy.of(ProducerSettings()) == POLICY
