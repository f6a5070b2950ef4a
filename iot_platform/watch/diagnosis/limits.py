"""From where on a figure says something. Each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    behind_seconds: float = 10.0
    """What waits for less is on its way: a batch, a load."""
    slow_round_trip_seconds: float = 0.1
    """On one machine Kafka answers in 1 to 5 ms, between zones in about as many; on a busy machine in 50."""
    busy_share: float = 0.6
    """Of its time in one place: a process that spends so much there goes no faster until that does."""
    waited_share: float = 0.5
    """Of the look without a processor, though it had work."""
    hot_share: float = 0.5
    """Of all that comes, in one of three partitions or more; or of the records of one partition, from one key."""
    hot_times: float = 3.0
    """As much as the mean of the other partitions."""
    rebalances: int = 3
    """Within one look: one is a process that started, or was stopped."""
    aborts: int = 2
    dead_share: float = 0.5
