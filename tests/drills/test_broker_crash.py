"""The drill with three brokers, run as a user would: minutes, so `make faults` runs it."""

from __future__ import annotations

import pytest

from tests.support.drills import held_outcome

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(900)]


def test_one_of_three_brokers_killed_goes_on_two_spool_and_nothing_is_lost_or_doubled() -> None:
    outcome = held_outcome("broker-crash", "--rate", "200", "--seconds", "5", timeout_seconds=850)
    assert len(outcome["claims"]) == 6
    (judged,) = [step for step in outcome["steps"] if "lost" in step]
    assert judged["sent"] > 1_000
    assert (judged["lost"], judged["doubled"], judged["invented"], judged["unaccounted"]) == (0, 0, 0, 0)
