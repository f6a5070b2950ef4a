"""How a file of measurements becomes readings: a mapping in TOML (docs/reference/interfaces.md, "File sources").

format = "csv"                      # csv, parquet, ndjson
nulls = ["-200"]                    # cells that mean: no value; a number matches however it is written
skip_rows = 0                       # rows after the header to pass over; counted
skip_empty_rows = true              # rows without any cell; counted
metadata = { station = "Station" }  # further fields of every reading, from columns

[csv]
delimiter = ","
quote = '"'
decimal = "."
encoding = "utf-8"

[time]
columns = ["Date", "Time"]          # joined by a blank
format = "%d-%m-%Y %H:%M:%S"        # without it: ISO 8601
zone = "+01:00"                     # for times without one: an offset, or a name such as Europe/Rome
rebase = "now"                      # optional: the first row's time becomes this moment (or an RFC 3339 one)

[[measurement]]
column = "T"
sensor_id = "station-1-t"           # {Column} stands for that column's cell
sensor_type = "temperature"
unit = "Cel"
location = "roof"
metadata = { status = "T_status" }
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from iot_platform.contract.reading import FIELDS
from iot_platform.errors import UsageError

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
"""A column's name in a `sensor_id`."""

Format = Literal["csv", "parquet", "ndjson"]
OneCharacter = Annotated[str, msgspec.Meta(min_length=1, max_length=1)]


class Csv(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    delimiter: OneCharacter = ","
    quote: OneCharacter = '"'
    decimal: OneCharacter = "."
    encoding: str = "utf-8"


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: Annotated[list[str], msgspec.Meta(min_length=1)]
    format: str = ""
    zone: str = "UTC"
    rebase: str = ""


class Measurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    column: str
    sensor_id: str
    sensor_type: str
    unit: str | None = None
    location: str | None = None
    metadata: dict[str, str] = {}


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Format
    time: Time
    measurement: Annotated[list[Measurement], msgspec.Meta(min_length=1)]
    csv: Csv = Csv()
    nulls: list[str] = []
    skip_rows: Annotated[int, msgspec.Meta(ge=0)] = 0
    skip_empty_rows: bool = True
    metadata: dict[str, str] = {}

    @property
    def columns(self) -> list[str]:
        """Every column that the file must have."""
        named = [*self.time.columns, *self.metadata.values()]
        for measurement in self.measurement:
            in_id = PLACEHOLDER.findall(measurement.sensor_id)  # without one, sensors would become one another
            named += [measurement.column, *in_id, *measurement.metadata.values()]
        return list(dict.fromkeys(named))

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]


def load_mapping(path: Path) -> Mapping:
    """The mapping in a TOML file; UsageError says what in it does not hold."""
    try:
        mapping = msgspec.toml.decode(path.read_bytes(), type=Mapping)
    except OSError as error:
        raise UsageError(
            f"The mapping {path} cannot be read: {error.strerror}.", next_step="Check --mapping."
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The mapping {path} is malformed: {error}.", next_step="Compare it with examples/air_quality/mapping.toml."
        ) from None
    zone_of(mapping.time.zone)
    if mapping.time.rebase not in {"", "now"}:
        rebase_origin(mapping.time.rebase)
    taken = FIELDS.keys() & {*mapping.metadata, *(name for one in mapping.measurement for name in one.metadata)}
    critical = {"message_id", "sensor_id", "sensor_type", "generated_at", "value"} & taken
    if critical:
        raise UsageError(
            f"The mapping {path} gives {', '.join(sorted(critical))} as metadata; these have their own place."
        )
    return mapping


def zone_of(name: str) -> tzinfo:
    """A zone by its name or as an offset such as +01:00; UsageError for any other."""
    if name[:1] in {"+", "-"}:
        try:
            offset = datetime.strptime(name, "%z").utcoffset()
        except ValueError:
            offset = None
        if offset is not None:
            return timezone(offset)
    else:
        try:
            return UTC if name == "UTC" else ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            pass
    raise UsageError(
        f"There is no time zone '{name}'.", next_step="Set [time] zone to a name or an offset like +01:00."
    )


def rebase_origin(text: str) -> datetime:
    """The moment that the first row's time becomes."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"'{text}' is no moment with a zone.",
            next_step='Set [time] rebase to "now" or to RFC 3339 like 2026-01-01T00:00:00Z.',
        )
    return moment.astimezone(UTC)


def as_wire(moment: datetime) -> str:
    """RFC 3339 in UTC with Z, microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shifted(moment: datetime, first: datetime, origin: datetime) -> datetime:
    """`moment` moved so that `first` falls on `origin`."""
    shift: timedelta = moment - first
    return origin + shift
