"""What a decision is made from: the stream now, its limits, the machine, and what is remembered of before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from iot_platform.watch.lag.rules import Status

CHANGES_KEPT = 50


@dataclass(frozen=True)
class Policy:
    """Out quickly, in slowly. `cpu_share`: a machine that is this busy carries no more; None: not looked at."""

    catch_up_seconds: float = 120.0
    out_after_seconds: float = 30.0
    in_after_seconds: float = 300.0
    settle_seconds: float = 30.0
    cpu_share: float | None = 0.95


@dataclass(frozen=True)
class Part:
    """One partition: what waits in it, what arrives and what is taken a second; `lagging`: more waits than may."""

    partition: int
    messages: int
    inflow: float
    outflow: float
    lagging: bool


@dataclass(frozen=True)
class Load:
    """What the last looks at the validators' group showed, over `measured_seconds`, until `at`.

    `behind`: at each of them more waited than arrives in the time that is allowed; `level`: at the last one it did not.
    `trouble`: in words, why more validators would not help; empty where nothing speaks against it.
    """

    at: datetime
    measured_seconds: float
    parts: tuple[Part, ...]
    seconds: float
    behind: bool
    level: bool
    status: Status = Status.OK
    trouble: str = ""

    @property
    def messages(self) -> int:
        return sum(part.messages for part in self.parts)

    @property
    def inflow(self) -> float:
        return sum(part.inflow for part in self.parts)

    @property
    def outflow(self) -> float:
        return sum(part.outflow for part in self.parts)

    @property
    def catch_up_seconds(self) -> float | None:
        """Until nothing waits at the pace of now; None when it does not come to that."""
        if self.messages == 0:
            return 0.0
        gained = self.outflow - self.inflow
        return self.messages / gained if gained > 0 else None


@dataclass(frozen=True)
class Downstream:
    """The loader of the stream: what waits for it, for how long, and whether its interval does not explain that."""

    messages: int
    seconds: float
    late: bool


@dataclass(frozen=True)
class Machine:
    """What there is for one validator more. `cpu_share` of all cores is in use; None: not known."""

    cores: int
    free_bytes: int
    each_bytes: int
    cpu_share: float | None = None


@dataclass(frozen=True)
class Known:
    """One stream now. `running` are those that have partitions.

    `least` to `most`: what the settings allow. `fixed`: a person's number. `off`: why it is not to be scaled at all,
    such as that it is paused. `owners`: the partitions of each running validator, as far as it has said. `busy_share`:
    of their time the validators worked, on average; None: not known. `load` is None when Kafka did not tell.
    """

    wanted: int
    running: int
    least: int
    most: int
    partitions: int
    machine: Machine
    load: Load | None
    loader: Downstream | None = None
    fixed: int | None = None
    off: str = ""
    owners: Mapping[int, tuple[int, ...]] | None = None
    busy_share: float | None = None


@dataclass(frozen=True)
class Change:
    """The wanted number was `before` and became `after`."""

    at: datetime
    before: int
    after: int
    who: str
    why: str


@dataclass(frozen=True)
class Memory:
    """What is remembered of a stream from one decision to the next.

    `rate`: what one validator took a second when it had more than it could take, and `rate_at` when that was seen.
    `steady_since`: since when as many run as are wanted. `level_since`: since when nothing waits. `undone`: how many
    steps in, one after the other, had to be taken back.
    """

    rate: float | None = None
    rate_at: datetime | None = None
    steady_since: datetime | None = None
    level_since: datetime | None = None
    undone: int = 0
    changes: tuple[Change, ...] = ()

    @property
    def last(self) -> Change | None:
        return self.changes[-1] if self.changes else None


@dataclass(frozen=True)
class Decision:
    """The number that is wanted from now on, why in one sentence, and what to remember."""

    wanted: int
    why: str
    memory: Memory
