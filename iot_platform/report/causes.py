"""What is wrong with a sensor, in one line. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from iot_platform.quality.advice import NAMES
from iot_platform.quality.verdict import per_cent
from iot_platform.report.figures import Sensor

_LEAST_SHARE = 0.01
_LONGEST_EXAMPLE_CHARACTERS = 120

Rows = Sequence[Mapping[str, Any]]


def cause_of(sensor: Sensor, reasons: Rows, nulls: Rows, odd: Rows = ()) -> str:
    """The causes in the order in which they cost score: dead by reason, nulls, repeats; last what is odd.

    `reasons` have code, records and example, `nulls` field and rate, `odd` rule and evidence, each the worst first.
    """
    costs = [
        (sensor.share_dead, _dead(sensor, reasons)),
        (sensor.share_null / 2, _nulls(nulls)),
        (sensor.share_duplicate / 2, f"{per_cent(sensor.share_duplicate)} of its messages come again"),
    ]
    said = [text for cost, text in sorted(costs, key=lambda cost: -cost[0]) if cost >= _LEAST_SHARE / 2 and text]
    return "; ".join([*said, *(f"{NAMES[row['rule']]}: {row['evidence']}" for row in odd)])


def _dead(sensor: Sensor, reasons: Rows) -> str:
    if not sensor.dead:
        return ""
    by_code = ", ".join(f"{row['code']} {row['records']:,}" for row in reasons[:3])
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    example = f", such as: {_shortened(reasons[0]['example'])}" if reasons else ""
    return f"{per_cent(sensor.share_dead)} of its records are dead: {by_code}{more}{example}"


def _nulls(nulls: Rows) -> str:
    if not nulls:
        return "leaves out fields now and then"
    rates: dict[str, list[str]] = {}
    for row in nulls:
        rates.setdefault(per_cent(row["rate"]), []).append(row["field"])
    return "leaves out " + "; ".join(f"{', '.join(fields)} in {rate}" for rate, fields in rates.items())


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_EXAMPLE_CHARACTERS else text[: _LONGEST_EXAMPLE_CHARACTERS - 1] + "…"
