"""What a quality report tells of each sensor, as a person would sum it up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iot_platform.report.figures import Figures


@dataclass(frozen=True)
class Told:
    """`causes`: every way in which the report names a sensor; `lines`: how it says it, the worst first."""

    causes: frozenset[str]
    lines: tuple[str, ...]


def told_of(figures: Figures, stream: str) -> dict[str, Told]:
    """Each sensor of the stream that the report names. Causes are reason codes, rules over many readings, and `null`,
    `repeats`, `silent`."""
    causes: dict[str, dict[str, str]] = {}

    def tell(sensor_id: str, cause: str, line: str) -> None:
        causes.setdefault(sensor_id, {}).setdefault(cause, line)

    for reason in _of(stream, figures.reasons):
        for culprit in reason.culprits:
            tell(culprit.sensor_id, reason.code, f"{culprit.records:,} dead letters: {reason.code}")
    for odd in _of(stream, figures.odd):
        tell(odd.sensor_id, odd.rule, f"{odd.name}: {odd.evidence}")
    for null in _of(stream, figures.null_sensors):
        tell(null.sensor_id, "null", f"leaves out {null.field} in {100 * null.rate:.0f} % of its readings")
    for one in _of(stream, figures.duplicate_sensors):
        tell(one.sensor_id, "repeats", f"{one.duplicates:,} of its messages came again")
    for quiet in _of(stream, figures.silent):
        tell(
            quiet.sensor_id,
            "silent",
            f"silent for {quiet.silent_seconds:,.0f} s, expected each {quiet.expected_seconds:g} s",
        )
    for low in _of(stream, figures.sensors):
        causes.setdefault(low.sensor_id, {"low": f"scores {low.score:g}: {low.cause}"})
    return {sensor: Told(frozenset(by_cause), tuple(by_cause.values())) for sensor, by_cause in causes.items()}


def named_rightly(told: Mapping[str, Told], causes: Mapping[str, frozenset[str]]) -> list[str]:
    """The sensors of `causes` of which the report tells one of their causes at least, and nothing else."""
    return [sensor for sensor, right in causes.items() if sensor in told and told[sensor].causes <= right]


def _of(stream: str, rows: Iterable[Any]) -> list[Any]:
    return [row for row in rows if row.stream == stream]
