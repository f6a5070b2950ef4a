"""What two looks at a running stream prove, and what they leave open."""

from __future__ import annotations

import pytest

from iot_platform.pipeline.findings import Tally


@pytest.mark.parametrize(
    ("earlier", "later", "agrees"),
    [
        ((10, 10), (10, 10), True),  # a stream at rest
        ((13, 10), (25, 20), True),  # the ledger was read later than the topic, and the topic has it by now
        ((10, 13), (20, 25), True),  # the other way round
        ((13, 10), (13, 10), False),  # three are missing, and stay so
        ((13, 10), (13, 12), False),
        ((10, 13), (12, 13), False),  # one that the ledger never gets to know
        ((10, 10), (13, 9), False),
    ],
)
def test_two_looks_at_a_moving_partition_agree_only_when_each_count_was_reached_by_the_other(
    earlier: tuple[int, int], later: tuple[int, int], agrees: bool
) -> None:
    before, after = (Tally("readings", said, loaded=0, unloaded=held) for said, held in (earlier, later))
    assert before.agrees_with(after) is agrees
