"""The catalogue: which sensor types exist, with unit, range, expected interval and null policies.

A catalogue is a TOML file. Users extend a built-in one without code:

    extends = "iot_data"
    [types.soil_moisture]
    unit = "%"
    minimum = 0
    maximum = 100
    interval_seconds = 60

    [types.soil_moisture.behaviour]   # may be left out: then nothing of it is judged
    stuck_readings = 60
    stuck_seconds = 7200
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec

from iot_platform.contract.behaviour import Behaviour, check_behaviour
from iot_platform.errors import SettingsError

NullPolicy = Literal["dead", "fill", "last_known", "keep", "unused"]

# What a user may choose for a field that is null; the first is the default. Fields that are not
# listed are critical: without them a reading says nothing, so null there is always dead. `unused`: the sensors of this
# stream have no such field, and that it is null is held against nobody.
NULL_CHOICES: Mapping[str, tuple[NullPolicy, ...]] = {
    "unit": ("fill", "dead"),
    "location": ("last_known", "keep", "dead", "unused"),
    "battery_level": ("keep", "dead", "unused"),
    "signal_strength": ("keep", "dead", "unused"),
    "schema_version": ("fill", "dead"),
}
_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


@dataclass(frozen=True)
class SensorType:
    """One kind of sensor. `unit` is a SenML unit (RFC 8428, RFC 8798), UCUM where SenML has none.

    `interval_seconds` None: how often such a sensor reports is learnt from each one's own history.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    interval_seconds: float | None
    description: str = ""
    behaviour: Behaviour = field(default_factory=Behaviour)


@dataclass(frozen=True)
class Catalogue:
    """Sensor types by name, and what a null means in each optional field."""

    name: str
    types: Mapping[str, SensorType]
    nulls: Mapping[str, NullPolicy] = field(
        default_factory=lambda: {name: choices[0] for name, choices in NULL_CHOICES.items()}
    )

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that change with any rule of validation in the catalogue."""
        rules = {
            "types": {
                name: (kind.unit, kind.minimum, kind.maximum, kind.interval_seconds)
                for name, kind in sorted(self.types.items())
            },
            "nulls": dict(sorted(self.nulls.items())),
        }
        return hashlib.sha256(msgspec.json.encode(rules)).hexdigest()[:12]


class _TypeFile(msgspec.Struct, forbid_unknown_fields=True):
    unit: str
    minimum: float
    maximum: float
    interval_seconds: float | None = None
    description: str = ""
    behaviour: Behaviour = msgspec.field(default_factory=Behaviour)


class _CatalogueFile(msgspec.Struct, forbid_unknown_fields=True):
    extends: str = ""
    types: dict[str, _TypeFile] = msgspec.field(default_factory=dict)
    nulls: dict[str, str] = msgspec.field(default_factory=dict)


def load_catalogue(name_or_path: str) -> Catalogue:
    """A built-in catalogue by name (`iot_data`, `air_quality`), or a TOML file by path.

    Raises SettingsError, which says what in the file does not hold.
    """
    return _load(name_or_path, seen=())


def _load(name_or_path: str, seen: tuple[str, ...]) -> Catalogue:
    if name_or_path in seen:
        raise SettingsError(f"Catalogues extend each other in a circle: {' -> '.join((*seen, name_or_path))}.")
    text = _read(name_or_path)
    try:
        document = msgspec.toml.decode(text, type=_CatalogueFile)
    except msgspec.MsgspecError as error:
        raise SettingsError(f"Catalogue '{name_or_path}' is malformed: {error}.") from None
    base = _load(_beside(document.extends, name_or_path), (*seen, name_or_path)) if document.extends else None
    types = dict(base.types) if base else {}
    types.update({name: _sensor_type(name, body, name_or_path) for name, body in document.types.items()})
    nulls: dict[str, Any] = dict(base.nulls) if base else {n: choices[0] for n, choices in NULL_CHOICES.items()}
    for field_name, policy in document.nulls.items():
        nulls[field_name] = _null_policy(field_name, policy, name_or_path)
    if not types:
        raise SettingsError(f"Catalogue '{name_or_path}' has no sensor type.", next_step="Add a [types.NAME] table.")
    return Catalogue(name=Path(name_or_path).stem, types=types, nulls=nulls)


def _built_in(name: str) -> Traversable | None:
    file = resources.files("iot_platform.contract") / "catalogues" / f"{name}.toml"
    return file if re.fullmatch(r"[a-z0-9_]+", name) and file.is_file() else None


def _beside(extended: str, source: str) -> str:
    """A path in a catalogue is meant from the folder of that file, wherever the process was started."""
    return extended if _built_in(extended) else os.path.normpath(Path(source).parent / extended)


def _read(name_or_path: str) -> str:
    try:
        return (_built_in(name_or_path) or Path(name_or_path)).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"Catalogue '{name_or_path}' is not UTF-8: byte {error.start}.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        cause = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"Catalogue {name_or_path!r} is neither built in nor a readable file: {cause}.",
            next_step="Set the stream's `catalogue` to iot_data, air_quality or the path of a TOML file.",
        ) from None


def _sensor_type(name: str, body: _TypeFile, source: str) -> SensorType:
    where = f"Catalogue '{source}', sensor type {name!r}"
    if not _TYPE_NAME.match(name):
        raise SettingsError(f"{where}: a name has 1 to 64 of a-z, 0-9 and _, and begins with a letter.")
    if not (math.isfinite(body.minimum) and math.isfinite(body.maximum) and body.minimum <= body.maximum):
        raise SettingsError(f"{where}: minimum and maximum must be finite, and minimum at most maximum.")
    interval = body.interval_seconds
    if interval is not None and not (math.isfinite(interval) and interval > 0):
        raise SettingsError(f"{where}: interval_seconds must be above 0.")
    if not body.unit:
        raise SettingsError(f"{where}: unit is empty.")
    check_behaviour(body.behaviour, body.unit, where)
    return SensorType(
        name, body.unit, body.minimum, body.maximum, body.interval_seconds, body.description, body.behaviour
    )


def _null_policy(field_name: str, policy: str, source: str) -> NullPolicy:
    choices = NULL_CHOICES.get(field_name)
    if choices is None:
        raise SettingsError(
            f"Catalogue '{source}': nulls of '{field_name}' cannot be configured; only of {', '.join(NULL_CHOICES)}."
        )
    for choice in choices:
        if choice == policy:
            return choice
    raise SettingsError(
        f"Catalogue '{source}': null policy '{policy}' of '{field_name}' is not {' or '.join(choices)}."
    )
