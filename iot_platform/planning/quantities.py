"""Numbers as people read them."""

from __future__ import annotations

import math

from iot_platform.clock import duration

_SIZES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def amount(value: float, unit: str, currency: str = "") -> str:
    """A value with its unit: 1.2 TB, 35 %, 4.0 cores, 12,000."""
    if unit in ("bytes", "bytes/s"):
        return _bytes(value) + unit.removeprefix("bytes")
    if unit == "whole":
        return f"{math.ceil(value):,}"
    if unit == "share":
        return f"{100 * value:,.3g} %" if value < 10 else f"{100 * value:,.0f} %"
    if unit == "s":
        return duration(value) if value >= 1 else f"{value:.3g} s"
    if unit == "money":
        return f"{value:,.2f} {currency}".strip() if value < 100 else f"{value:,.0f} {currency}".strip()
    number = f"{value:,.0f}" if value >= 1_000 or value == int(value) else f"{value:,.3g}"
    return number if unit in ("count", "ratio") else f"{number} {unit}"


def _bytes(value: float) -> str:
    for size, name in _SIZES:
        if value >= size:
            return f"{value / size:,.3g} {name}" if value < 1_000 * size else f"{value / size:,.0f} {name}"
    return f"{value:.3g} bytes"
