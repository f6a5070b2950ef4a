"""What a group's lag is to the alerts: the figure that rules with `above` look at, the status as a level, the words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from iot_platform.watch.alerts.signals import Level, Signal, lag_signal
from iot_platform.watch.lag.rules import Status
from iot_platform.watch.lag.verdict import GroupLag

LEVELS: Mapping[Status, Level] = {
    Status.OK: "info",  # its seconds are judged all the same
    Status.PAUSED: "info",
    Status.WARNING: "warn",
    Status.REWOUND: "warn",
    Status.STALLED: "error",
    Status.STOPPED: "error",
    Status.ERROR: "error",
}


def signal_of(group: GroupLag, at: datetime, stream: str = "") -> Signal | None:
    """`stream`: whose group it is, where it is ours.

    None of a paused group: a pause is an alert of its own, and lag is what it is for.
    """
    if group.status is Status.PAUSED:
        return None
    return lag_signal(group.group, group.seconds, at, stream, level=LEVELS[group.status], text=group.text)
