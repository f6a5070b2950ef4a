"""A line of the plan, and what the parts of a plan share while it is made."""

from __future__ import annotations

from dataclasses import dataclass

from iot_platform.planning.flow import Flow
from iot_platform.planning.inputs import Case

LOAD = ("devices", "readings_each_per_second")
VALIDATING = (
    "busy", "batch_max", "validator_cpu_per_reading", "validator_cpu_per_transaction", "validator_cpu_per_entry",
    "rocksdb", "rocksdb_lookup", "partitions", "partitions_per_validator", "validators",
)  # fmt: skip
PARTITIONED = (*VALIDATING, "least_partitions")
PRODUCING = (*PARTITIONED, "batch_readings", "producer_cpu_per_reading", "producer_cpu_per_batch", "producers")
SENDING = (*PRODUCING, "producer_cycle")
TRANSACTING = (*PARTITIONED, "validator_cycle", "validator_cycle_per_entry")


@dataclass(frozen=True)
class Line:
    """One figure. `rests_on` names every input that moves it."""

    section: str
    name: str
    value: float
    unit: str
    text: str
    rests_on: tuple[str, ...]


@dataclass(frozen=True)
class Sized:
    """A plan under way: later lines are made from earlier ones. A line is there as soon as it was yielded."""

    case: Case
    flow: Flow
    lines: dict[str, Line]

    def value(self, name: str) -> float:
        return self.lines[name].value

    def of(self, *names: str) -> tuple[str, ...]:
        """What those lines rest on."""
        return tuple(dict.fromkeys(one for name in names for one in self.lines[name].rests_on))


def line(section: str, name: str, value: float, unit: str, text: str, *rests_on: str) -> Line:
    return Line(section, name, float(value), unit, text, tuple(dict.fromkeys((*LOAD, *rests_on))))
