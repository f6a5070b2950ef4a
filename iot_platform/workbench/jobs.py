"""What is to be sent again: one form for a trial and for the run that does it, so that both take the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from iot_platform.contract.patches import Patch
from iot_platform.stream_settings import RetentionSettings
from iot_platform.workbench.letters import Asked

_SAFE_SHARE = 0.95  # of retention; the rest is time to be validated and loaded in
_ALL = 1 << 62


@dataclass(frozen=True)
class Job:
    """What is to be sent again. `most` None: all that is asked for, else the oldest; `rate` in records a second."""

    asked: Asked
    patch: Patch | None = None
    parked: bool = False
    most: int | None = None
    rate: float = 1_000.0

    @property
    def taken(self) -> Asked:
        """The dead letters that it works on: those that wait, parked ones only on demand, and what could not be mended
        once more only by another patch or by name."""
        statuses = ["untouched", *(["parked"] if self.parked else [])]
        if self.patch or self.asked.sources:
            statuses.append("unrecoverable")
        return replace(self.asked, statuses=tuple(statuses), not_tried=self.patch.digest if self.patch else None)

    @property
    def limit(self) -> int:
        """At most so many records."""
        return _ALL if self.most is None else self.most


def oldest_to_send(retention: RetentionSettings, now: datetime) -> datetime:
    """What was accepted before is not sent: Kafka removes by the time stamp, which stays that of the first acceptance,
    and could do so before the record is validated or loaded."""
    days = min(retention.raw_days, retention.validated_days, retention.dlq_days)
    return now - timedelta(days=days * _SAFE_SHARE)
