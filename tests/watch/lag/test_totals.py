"""What offsets mean: a table of partitions."""

from __future__ import annotations

import pytest

from iot_platform.stream.offsets import GroupFigures, PartitionFigures
from iot_platform.watch import lag


def partition(
    low: int = 0, end: int = 0, high: int | None = None, committed: int | None = None, age_seconds: float | None = None
) -> PartitionFigures:
    now_ms = 1_000_000
    oldest = None if age_seconds is None else now_ms - round(age_seconds * 1000)
    return PartitionFigures("raw", 0, low, end, end if high is None else high, committed, oldest, now_ms)


@pytest.mark.parametrize(
    ("figures", "messages", "seconds"),
    [
        (partition(), 0, 0.0),
        (partition(end=10, committed=10), 0, 0.0),
        (partition(end=10, committed=4, age_seconds=2.5), 6, 2.5),
        (partition(end=10, age_seconds=7), 10, 7.0),  # never committed: all of it
        (partition(low=8, end=10, age_seconds=7), 2, 7.0),  # and no more than the log still holds
        (partition(end=10, committed=12), 0, 0.0),
        (partition(end=10, committed=4, age_seconds=-3), 6, 0.0),  # a producer's clock runs ahead
        (partition(end=10, committed=4), 6, 0.0),  # its oldest record could not be read in time
        (partition(end=10, committed=10, age_seconds=99), 0, 0.0),
    ],
)
def test_messages_and_seconds(figures: PartitionFigures, messages: int, seconds: float) -> None:
    assert (figures.messages, figures.seconds) == (messages, seconds)


def test_groups_add_up_in_messages_and_the_oldest_counts_in_seconds() -> None:
    groups = [
        GroupFigures("validator", (partition(end=5, committed=1, age_seconds=3), partition(end=2, committed=2))),
        GroupFigures("loader", (partition(end=9, committed=2, age_seconds=8),)),
        GroupFigures("empty", ()),
    ]
    assert lag.total_messages(groups) == 11
    assert lag.seconds_behind(groups) == 8.0


def test_nothing_to_read_is_no_lag() -> None:
    assert (lag.total_messages([]), lag.seconds_behind([])) == (0, 0.0)


def test_what_retention_took_and_what_never_was() -> None:
    assert lag.lost_to_retention(partition(low=10, end=20, committed=4)) == 6
    assert lag.lost_to_retention(partition(low=10, end=20)) == 0
    assert lag.beyond_end(partition(end=20, high=20, committed=25)) == 5
    assert lag.beyond_end(partition(end=20, committed=20)) == 0
    assert lag.held_back(partition(end=20, high=26)) == 6


def test_the_oldest_waiting_record_says_when_retention_may_take_data() -> None:
    day = 86_400.0
    waiting = partition(end=10, committed=4, age_seconds=day)
    group = GroupFigures(
        "validator", (waiting, partition(end=3, committed=1, age_seconds=5), partition(end=9, committed=9))
    )
    assert lag.seconds_until_retention(group, kept_days=7) == 6 * day
    assert lag.seconds_until_retention(group, kept_days=0.5) == 0.0
    assert lag.seconds_until_retention(GroupFigures("validator", (partition(end=9, committed=9),)), kept_days=7) is None
