"""What offsets mean for the one who waits. Pure: figures in, answers out."""

from __future__ import annotations

from collections.abc import Iterable

from iot_platform.stream.offsets import GroupFigures, PartitionFigures


def total_messages(groups: Iterable[GroupFigures]) -> int:
    """Records that wait, over all groups: one that waits for the validator and one for the loader are two."""
    return sum(group.messages for group in groups)


def seconds_behind(groups: Iterable[GroupFigures]) -> float:
    """Age of the oldest record that waits anywhere; 0 when none does."""
    return max((group.seconds for group in groups), default=0.0)


def held_back(partition: PartitionFigures) -> int:
    """Offsets written but not readable yet: an open transaction holds them; lasting, it is a hanging one."""
    return max(0, partition.high - partition.end)


def lost_to_retention(partition: PartitionFigures) -> int:
    """Offsets that retention removed before the group took them."""
    return 0 if partition.committed is None else max(0, partition.low - partition.committed)


def seconds_until_retention(group: GroupFigures, kept_days: float) -> float | None:
    """Until retention may take the oldest record the group has not read, at the earliest; None when none waits.

    Kafka removes whole segments, and only once their newest record is too old: it may stay for longer.
    """
    waiting = [part for part in group.partitions if part.messages and part.oldest_at_ms is not None]
    if not waiting:
        return None
    return max(0.0, min(kept_days * 86_400 - part.seconds for part in waiting))


def beyond_end(partition: PartitionFigures) -> int:
    """Offsets the group claims beyond what was ever written: the topic was made anew, or the group moved by hand."""
    return 0 if partition.committed is None else max(0, partition.committed - partition.high)
