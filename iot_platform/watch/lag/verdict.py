"""What is said of one partition and of one group."""

from __future__ import annotations

from dataclasses import dataclass

from iot_platform.watch.lag.cases import Finding
from iot_platform.watch.lag.course import Course
from iot_platform.watch.lag.figures import Behind, Rates
from iot_platform.watch.lag.rules import Status


@dataclass(frozen=True)
class PartitionLag:
    """One partition for one group. What is None is not known, or does not come to pass.

    `complete` is the share of the looks that make a course; with less than half of them all that moves is ok.
    """

    topic: str
    partition: int
    course: Course
    messages: int
    behind: Behind
    rates: Rates
    catch_up_seconds: float | None
    retention_left_seconds: float | None
    overtaken_seconds: float | None
    complete: float
    status: Status
    findings: tuple[Finding, ...]
    text: str


@dataclass(frozen=True)
class GroupLag:
    """A group: as bad as its worst partition. `state` is Kafka's word for it; None where that is not known."""

    group: str
    state: str | None
    partitions: tuple[PartitionLag, ...]
    messages: int
    seconds: float
    rates: Rates
    catch_up_seconds: float | None
    retention_left_seconds: float | None
    overtaken_seconds: float | None
    complete: float
    status: Status
    text: str
