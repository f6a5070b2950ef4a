"""What a diagnosis is made from: two looks at everything, some seconds apart, as rates. None is: not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

INSIDE = ("decode", "rules", "sort", "dedup")
"""Stages of a validator that are its own code, in which it waits for nobody."""
STAGES = ("fetch", *INSIDE, "produce", "commit")


@dataclass(frozen=True)
class ProcessFacts:
    """One stream process over the look. `alive`: whether it holds its lease.

    `cpu` in cores; `waited` is the share of the look in which a thread that could run got no processor; `stages` the
    share of the look by stage; `records` a second. `aborts`, `sessions` and `rebalances` are counts within the look.
    """

    name: str
    role: str
    alive: bool
    stream: str = ""
    cpu: float | None = None
    waited: float | None = None
    memory_bytes: int | None = None
    records: float | None = None
    dead_share: float | None = None
    unprocessable: int = 0
    aborts: int = 0
    sessions: int = 0
    rebalances: int = 0
    partitions: tuple[int, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)
    write_seconds: float | None = None
    failures: int = 0
    last_error: str = ""
    phase: str = ""
    spooled: int = 0


@dataclass(frozen=True)
class PartitionFacts:
    """One partition for one of our groups: what waits, and what came and was taken a second."""

    group: str
    topic: str
    partition: int
    messages: int
    seconds: float
    inflow: float
    outflow: float


@dataclass(frozen=True)
class Skew:
    """Of the newest records of a partition: how many were looked at, and which key was most of them."""

    topic: str
    partition: int
    records: int
    key: str
    share: float
    keys: int


@dataclass(frozen=True)
class MachineFacts:
    cores: int
    busy: float
    """Share of all cores that was busy."""
    memory_free_bytes: int


@dataclass(frozen=True)
class Facts:
    """`round_trips` in seconds: how long Kafka took to answer a small question, each time.

    `holder` names who had DuckDB's file at both looks; `paused` says why of each stream that is; `wanted` how many
    validators a stream should have.
    """

    seconds: float
    reachable: bool
    round_trips: tuple[float, ...]
    processes: tuple[ProcessFacts, ...]
    partitions: tuple[PartitionFacts, ...]
    machine: MachineFacts
    skews: tuple[Skew, ...] = ()
    holder: str = ""
    paused: Mapping[str, str] = field(default_factory=dict)
    wanted: Mapping[str, int] = field(default_factory=dict)

    def validators(self, stream: str) -> list[ProcessFacts]:
        return [one for one in self.processes if one.role == "validator" and one.stream == stream and one.alive]

    @property
    def streams(self) -> list[str]:
        return sorted(
            {one.stream for one in self.processes if one.role == "validator" and one.stream} | set(self.wanted)
        )

    def of_group(self, group: str) -> list[PartitionFacts]:
        return [one for one in self.partitions if one.group == group]
