"""What the looks of the last half minute say of a group: rates, what lags, and what no further validator would mend."""

from __future__ import annotations

from collections.abc import Sequence

from iot_platform.clock import from_unix_millis
from iot_platform.watch.lag.course import Look
from iot_platform.watch.lag.rules import Status
from iot_platform.watch.lag.verdict import GroupLag, PartitionLag
from iot_platform.watch.scaling.known import Downstream, Load, Part

_MS = 1000.0
_IN_DOUBT = frozenset({"beyond_end", "lost_to_retention", "went_back"})
_NO_HELP = frozenset({*_IN_DOUBT, "held_back"})


def load_of(group: GroupLag, since_ms: float, span_seconds: float, allowed_seconds: float) -> Load:
    """The load over the newest looks that span `span_seconds`, none of them from before `since_ms`.

    Where there are not as many yet, `measured_seconds` is less.
    """
    seen = [_newest(part.course.looks, since_ms, span_seconds) for part in group.partitions]
    parts = tuple(_part(part, looks, allowed_seconds) for part, looks in zip(group.partitions, seen, strict=True))
    waiting = [
        sum(each) for each in zip(*([look.messages for look in reversed(looks)] for looks in seen), strict=False)
    ]
    allowed = allowed_seconds * sum(part.inflow for part in parts)
    return Load(
        at=from_unix_millis(max((part.course.now.at_ms for part in group.partitions), default=0)),
        measured_seconds=min((_span(looks) for looks in seen), default=0.0),
        parts=parts,
        seconds=group.seconds,
        behind=bool(waiting) and min(waiting) > allowed,
        level=group.messages <= allowed,
        status=group.status,
        trouble=_trouble(group),
    )


def downstream_of(group: GroupLag, late_seconds: float) -> Downstream:
    """The loader's lag; it is late when its oldest record has waited for longer than `late_seconds`."""
    return Downstream(group.messages, group.seconds, late=group.seconds > late_seconds)


def _newest(looks: Sequence[Look], since_ms: float, span_seconds: float) -> Sequence[Look]:
    """The fewest of the newest looks that span so much; all that there are since then where they do not."""
    young = [look for look in looks if look.at_ms >= since_ms]
    for first in range(len(young) - 1, -1, -1):
        if _span(young[first:]) >= span_seconds:
            return young[first:]
    return young or looks[-1:]


def _span(looks: Sequence[Look]) -> float:
    return (looks[-1].at_ms - looks[0].at_ms) / _MS if looks else 0.0


def _part(part: PartitionLag, looks: Sequence[Look], allowed_seconds: float) -> Part:
    seconds = _span(looks)
    inflow = max(0.0, (looks[-1].end - looks[0].end) / seconds) if seconds else 0.0
    outflow = max(0.0, (looks[-1].next_offset - looks[0].next_offset) / seconds) if seconds else 0.0
    return Part(part.partition, part.messages, inflow, outflow, lagging=part.messages > inflow * allowed_seconds)


def _trouble(group: GroupLag) -> str:
    """The worst that more readers would not mend. That retention is near is none of it: they would."""
    for part in group.partitions:
        place = f"{part.topic}/{part.partition}"
        for finding in part.findings:
            if finding.code in _NO_HELP:
                return f"{place}: {finding.text}"
        if part.status in (Status.STALLED, Status.STOPPED):
            return f"{place}: {part.text}"
    return ""
