"""Rates that were just measured: as what a plan is made from, and as a file for later plans. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from iot_platform.planning.files import Found
from iot_platform.planning.inputs import Origin


def as_found(rates: Mapping[str, float], day: date, command: str, machine: str) -> Found:
    return Found(dict(rates), dict.fromkeys(rates, Origin("measured", f"{day}, {command}, on {machine}")))


def rates_file(rates: Mapping[str, float], day: date, command: str, machine: str) -> str:
    """What `--rates` reads; of the stores of ids the built-in figures go on to count."""
    lines = [
        f"# What a reading costs, as measured. To measure again: {command}",
        f"measured_on = {day}",
        f'command = "{command}"',
        f'machine = "{machine}"',
        "",
        "[rates]",
    ]
    return "\n".join([*lines, *(f"{name} = {value:.4g}" for name, value in rates.items()), ""])
