"""The plan: from a case to lines, each with what it rests on, and to what would not hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iot_platform.planning.costs import cost_lines
from iot_platform.planning.flow import flow_of
from iot_platform.planning.inputs import Case, Kind, Origin
from iot_platform.planning.kafka import kafka_lines
from iot_platform.planning.limits import Limit, limits_of
from iot_platform.planning.lines import Line, Sized
from iot_platform.planning.processes import process_lines
from iot_platform.planning.storage import storage_lines


@dataclass(frozen=True)
class Plan:
    case: Case
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...]

    def value(self, name: str) -> float:
        return next(line.value for line in self.lines if line.name == name)


def plan_of(case: Case) -> Plan:
    sized = Sized(case, flow_of(case), {})
    for part in (process_lines, storage_lines, kafka_lines, cost_lines):
        for line in part(sized):
            sized.lines[line.name] = line
    return Plan(case, tuple(sized.lines.values()), tuple(limits_of(sized)))


def kinds_of(line: Line, origins: Mapping[str, Origin]) -> list[Kind]:
    """What a line rests on, the surest first."""
    found = {origins[name].kind for name in line.rests_on}
    order: tuple[Kind, ...] = ("measured", "given", "assumed")
    return [kind for kind in order if kind in found]
