"""What a patch file says: which dead letters it is for, and what to change in them.

description = "Firmware 2.1 writes Fahrenheit."

[when]
reason = "unit"
sensor_type = "temperature"

[[steps]]
op = "convert"
from = "degF"
to = "Cel"
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import msgspec

from iot_platform.contract.reasons import Code
from iot_platform.contract.units import UNITS
from iot_platform.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@dataclass(frozen=True)
class When:
    """Which dead letters; what is None is not asked for. `sensor` and `location` may have * and ? in them."""

    reason: str | None = None
    field: str | None = None
    sensor: str | None = None
    sensor_type: str | None = None
    location: str | None = None

    def narrowed(self, other: When) -> When:
        """Both conditions at once. Raises UsageError where they name different things."""
        both = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        for name, (mine, given) in both.items():
            if mine is not None and given is not None and mine != given:
                raise UsageError(f"The patch is for {name} '{mine}', not for '{given}'.", next_step="Leave one out.")
        return replace(self, **{name: mine if mine is not None else given for name, (mine, given) in both.items()})

    def check(self) -> When:
        """Raises UsageError for a reason code that does not exist."""
        if self.reason is not None and self.reason not in set(Code):
            raise UsageError(f"There is no reason code '{self.reason}'.", next_step=f"There are: {', '.join(Code)}.")
        return self


class Step(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="op", tag=str.lower):
    """One change. All but `set` and `unwrap` need the field to be there."""


class Set(Step, frozen=True):
    """Set a field to `value`, or to the record's key; an absent field is appended."""

    field: str
    value: str | int | float | bool | None = None
    value_from: Literal["", "key"] = msgspec.field(default="", name="from")


class Rename(Step, frozen=True):
    field: str
    to: str


class Cast(Step, frozen=True):
    """Write a field as another JSON type: "21.5" as 21.5, 2.0 as 2, 21.5 as "21.5"."""

    field: str
    to: Literal["number", "integer", "string"]


class Convert(Step, frozen=True):
    """Convert a number from one unit to another, and write the new unit."""

    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    field: str = "value"
    unit_field: str = "unit"
    digits: int = 6


class Drop(Step, frozen=True):
    field: str


class Map(Step, frozen=True):
    """Replace values by a table; what is not in it stays. Numbers are named as they are written."""

    field: str
    values: dict[str, str | int | float | bool]


class Unwrap(Step, frozen=True):
    """A list of one object becomes that object."""


AnyStep = Set | Rename | Cast | Convert | Drop | Map | Unwrap


@dataclass(frozen=True)
class Patch:
    """`text` is the whole file: a redrive that was interrupted goes on with the patch it began with."""

    name: str
    text: str
    description: str
    when: When
    steps: tuple[AnyStep, ...]

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that change with the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    steps: list[AnyStep]
    description: str = ""
    when: dict[str, str] = msgspec.field(default_factory=dict)


def parse_patch(name: str, text: str) -> Patch:
    """Raises UsageError, which says what in the file does not hold."""
    where = f"Patch '{name}'"
    if not _NAME.match(name):
        raise UsageError(f"{where}: a name has 1 to 100 of A-Z, a-z, 0-9, '.', '_' and '-'.")
    try:
        document = msgspec.toml.decode(text, type=_File)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{where} is malformed: {error}.", next_step="See docs/dead-letters.md for what it may say."
        ) from None
    unknown = document.when.keys() - {one.name for one in fields(When)}
    if unknown:
        raise UsageError(f"{where}: [when] knows no '{min(unknown)}', only {', '.join(o.name for o in fields(When))}.")
    if not document.steps:
        raise UsageError(f"{where} has no steps.", next_step='Add a [[steps]] table with op = "set" or another.')
    when: Any = document.when
    for step in document.steps:
        _check(where, step)
    return Patch(name, text, document.description, When(**when).check(), tuple(document.steps))


def _check(where: str, step: AnyStep) -> None:
    if isinstance(step, Convert):
        for unit in (step.source, step.target):
            if unit not in UNITS:
                raise UsageError(f"{where}: unit '{unit}' is not known.", next_step=f"Known are: {', '.join(UNITS)}.")
        if UNITS[step.source].dimension != UNITS[step.target].dimension:
            raise UsageError(f"{where}: {step.source} and {step.target} do not measure the same.")
        if not 0 <= step.digits <= 15:
            raise UsageError(f"{where}: digits must be 0 to 15.")
    if isinstance(step, Set) and (step.value is None) == (step.value_from == ""):
        raise UsageError(f'{where}: set needs either value = … or from = "key".')
