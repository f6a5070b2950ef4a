"""Lag, as pure decisions over figures read elsewhere: now (totals), by its course (course, rules), and in words."""

from iot_platform.watch.lag.totals import (
    beyond_end,
    held_back,
    lost_to_retention,
    seconds_behind,
    seconds_until_retention,
    total_messages,
)

__all__ = [
    "beyond_end",
    "held_back",
    "lost_to_retention",
    "seconds_behind",
    "seconds_until_retention",
    "total_messages",
]
