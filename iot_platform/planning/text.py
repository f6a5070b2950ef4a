"""A plan as text and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iot_platform.planning.inputs import Load, Origin, Policy, Prices, Rates, fields_of
from iot_platform.planning.limits import Limit
from iot_platform.planning.lines import Line
from iot_platform.planning.plan import Plan, kinds_of
from iot_platform.planning.quantities import amount

_PERCENT = 100


def plan_text(plan: Plan) -> str:
    """For a person: lines, what would not hold, and what it all rests on."""
    parts = [_title(plan), *_sections(plan), _limits(plan), *_origins(plan)]
    return "\n\n".join(parts) + "\n"


def plan_document(plan: Plan) -> dict[str, Any]:
    """For `--json`."""
    case = plan.case
    return {
        "devices": case.load.devices,
        "readings_each_per_second": case.load.readings_each_per_second,
        "lines": [_line_document(plan, line) for line in plan.lines],
        "would_not_hold": [_limit_document(limit) for limit in plan.limits],
        "inputs": {name: _input_document(plan, name) for name in case.origins},
        "currency": case.currency,
    }


def _title(plan: Plan) -> str:
    load, policy = plan.case.load, plan.case.policy
    return (
        f"Capacity plan: {load.devices:,.0f} sensors, each {load.readings_each_per_second:,g} readings a second\n"
        f"Headroom: processes, machines and network are planned {_PERCENT * policy.busy:.0f} % busy, disks and memory "
        f"{_PERCENT * policy.full:.0f} % full."
    )


def _sections(plan: Plan) -> Iterator[str]:
    for section in dict.fromkeys(line.section for line in plan.lines):
        mine = [line for line in plan.lines if line.section == section]
        shown = [amount(line.value, line.unit, plan.case.currency) for line in mine]
        width = max(map(len, shown))
        rows = [
            f"  {figure:>{width}}  {line.text}  [{', '.join(kinds_of(line, plan.case.origins))}]"
            for figure, line in zip(shown, mine, strict=True)
        ]
        yield "\n".join([section.capitalize(), *rows])


def _limits(plan: Plan) -> str:
    if not plan.limits:
        return (
            "What would not hold\n  Nothing: today's design carries this load on one machine, as far as was measured."
        )
    rows = []
    for limit in plan.limits:
        upto = "" if limit.holds_up_to is None else f" [up to {limit.holds_up_to:,.0f} readings a second]"
        rows += [f"  {limit.name}{upto}: {limit.text}", f"      Instead: {limit.instead}"]
    return "\n".join(["What would not hold", *rows])


def _origins(plan: Plan) -> Iterator[str]:
    """What was measured, given and assumed, each with where it is from; only what a line rests on."""
    used = {name for line in plan.lines for name in line.rests_on}
    for kind, title in (("measured", "Measured"), ("given", "Given"), ("assumed", "Assumed")):
        names = [name for name, origin in plan.case.origins.items() if origin.kind == kind and name in used]
        if names:
            yield "\n".join([title, *_by_place(plan, names)])


def _by_place(plan: Plan, names: list[str]) -> Iterator[str]:
    for where in dict.fromkeys(plan.case.origins[name].where for name in names):
        yield f"  {where}:"
        for name in names:
            if plan.case.origins[name].where == where:
                about = _about(name)
                yield f"    {name} = {_small(_value(plan, name))} {about['unit']}: {about['meaning']}"


def _small(value: float) -> str:
    return f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"


def _line_document(plan: Plan, line: Line) -> dict[str, Any]:
    return {
        "section": line.section,
        "name": line.name,
        "value": line.value,
        "unit": line.unit,
        "text": line.text,
        "kinds": kinds_of(line, plan.case.origins),
        "rests_on": list(line.rests_on),
    }


def _limit_document(limit: Limit) -> dict[str, Any]:
    return {
        "name": limit.name,
        "holds_up_to_readings_per_second": limit.holds_up_to,
        "text": limit.text,
        "instead": limit.instead,
    }


def _input_document(plan: Plan, name: str) -> dict[str, Any]:
    origin: Origin = plan.case.origins[name]
    return {"value": _value(plan, name), **_about(name), "kind": origin.kind, "where": origin.where}


def _about(name: str) -> dict[str, str]:
    metadata = next(one.metadata for one in fields_of(Load, Rates, Policy, Prices) if one.name == name)
    return {"unit": metadata["unit"], "meaning": metadata["meaning"]}


def _value(plan: Plan, name: str) -> float:
    case = plan.case
    for part in (case.load, case.rates, case.policy, case.prices):
        if part is not None and hasattr(part, name):
            return float(getattr(part, name))
    raise KeyError(name)
