"""How a paused stream is shown: in `status`, in `lag` and to the alerts."""

from __future__ import annotations

from typing import Any

from iot_platform.clock import Clock
from iot_platform.contract.topology import Topology
from iot_platform.settings import Settings
from iot_platform.stream.offsets import GroupFigures
from iot_platform.stream.pauses import read_standing, told
from iot_platform.watch.lag import seconds_until_retention


def left_seconds(settings: Settings, stream: str, group: GroupFigures) -> float | None:
    """Until retention may take the oldest raw record that the validators have not read; None for other groups."""
    if group.group != Topology(stream).validator_group:
        return None
    left = seconds_until_retention(group, settings.stream(stream).retention.raw_days)
    return None if left is None else round(left, 1)


def pause_document(settings: Settings, stream: str, clock: Clock, left: float | None) -> dict[str, Any] | None:
    """The pause as JSON; None while the stream is not paused. `left` as Kafka's figures say, None without them."""
    pause = read_standing(settings, stream).pause
    if pause is None:
        return None
    if left is None:
        left = pause.left_seconds(settings.stream(stream).retention.raw_days, clock.now())
    return {
        "since": pause.since,
        "why": pause.why,
        "share": pause.share,
        "records": pause.records,
        "reasons": dict(pause.reasons),
        "retention_left_seconds": left,
        "text": told(stream, pause, left),
    }
