"""Readings born from the rows of a file. Their ids follow from the file's content: sent again, they are the same."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from iot_platform.stream.sources import mapping as mappings
from iot_platform.stream.sources.mapping import Measurement

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:iot-platform:file")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")

Payload = tuple[bytes | None, bytes]
"""Key and value of a record."""


class Births:
    """Turns rows into readings by a mapping. What a row does not hold is not made up: the reading is sent as it is
    and dies with its reason.

    `origin` is the moment of rebasing, `first` the time of the first row that has one; both are part of the cursor.
    """

    def __init__(
        self, mapping: mappings.Mapping, stream: str, origin: datetime | None = None, first: datetime | None = None
    ) -> None:
        self._mapping = mapping
        self._namespace = uuid.uuid5(_NAMESPACE, stream)
        self._zone = mappings.zone_of(mapping.time.zone)
        self._nulls = frozenset(mapping.nulls)
        self._null_numbers = frozenset(number for text in mapping.nulls if (number := _as_float(text)) is not None)
        self.origin = origin
        self.first = first

    def of(self, cells: Mapping[str, Any]) -> Iterator[Payload]:
        """One reading for each measurement of the row."""
        original = " ".join(_text(cells.get(column)) for column in self._mapping.time.columns)
        generated_at = self._generated_at(cells, original)
        for measurement in self._mapping.measurement:
            yield self._birth(measurement, cells, original, generated_at)

    def _birth(self, measurement: Measurement, cells: Mapping[str, Any], original: str, generated_at: str) -> Payload:
        sensor_id = _filled(measurement.sensor_id, cells)
        parts = (sensor_id, original) if self.origin is None else (sensor_id, original, mappings.as_wire(self.origin))
        # Surrogates stand for bytes that were no text; they must not stop the naming.
        name = "\n".join(parts).encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace")
        document = {
            "message_id": str(uuid.uuid5(self._namespace, name)),
            "sensor_id": sensor_id,
            "sensor_type": measurement.sensor_type,
            "generated_at": generated_at,
            "value": self._value(cells.get(measurement.column)),
            "unit": measurement.unit,
            "location": measurement.location,
            "schema_version": 1,  # the version whose fields these are
        }
        for field, column in (*self._mapping.metadata.items(), *measurement.metadata.items()):
            document[field] = self._value(cells.get(column))
        return sensor_id.encode("utf-8", "surrogateescape"), _encode(document)

    def _generated_at(self, cells: Mapping[str, Any], original: str) -> str:
        moment = self._moment(cells, original)
        if moment is None:
            return original
        if self.origin is not None:
            self.first = self.first or moment
            try:
                moment = mappings.shifted(moment, self.first, self.origin)
            except OverflowError:
                return original
        return mappings.as_wire(moment)

    def _moment(self, cells: Mapping[str, Any], original: str) -> datetime | None:
        cell = cells.get(self._mapping.time.columns[0])
        if isinstance(cell, datetime) and len(self._mapping.time.columns) == 1:
            moment = cell
        else:
            try:
                moment = self._parse(original)
            except ValueError:
                return None
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)
        except OverflowError:  # year 1 or 9999 beyond the edge of UTC
            return None

    def _parse(self, text: str) -> datetime:
        pattern = self._mapping.time.format
        return datetime.strptime(text, pattern) if pattern else datetime.fromisoformat(text)  # noqa: DTZ007

    def _value(self, cell: Any) -> Any:
        """A cell as JSON: numbers keep their digits, null markers are null, anything else is sent as it is."""
        if isinstance(cell, str):
            return self._number_or_text(cell)
        if isinstance(cell, int | float) and not isinstance(cell, bool) and cell in self._null_numbers:
            return None
        return cell

    def _number_or_text(self, text: str) -> Any:
        if not text or text in self._nulls:
            return None
        plain = (
            text.strip().replace(self._mapping.csv.decimal, ".") if self._mapping.csv.decimal != "." else text.strip()
        )
        number = _as_float(plain)
        if number is None:
            return text
        if number in self._null_numbers:
            return None
        return msgspec.Raw(plain.encode()) if _JSON_NUMBER.match(plain) else number


def _filled(template: str, cells: Mapping[str, Any]) -> str:
    if "{" not in template:
        return template
    return mappings.PLACEHOLDER.sub(lambda found: _text(cells.get(found[1])), template)


def _text(cell: Any) -> str:
    return "" if cell is None else cell if isinstance(cell, str) else str(cell)


def _as_float(text: str) -> float | None:
    return float(text) if _PLAIN_NUMBER.match(text) else None


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(document)
    except (UnicodeEncodeError, TypeError):
        # Bytes that were no text go on as the bytes they were; cells of odd types as their text.
        plain = {name: _jsonable(value) for name, value in document.items()}
        return ("{" + ",".join(f"{_quoted(name)}:{text}" for name, text in plain.items()) + "}").encode(
            "utf-8", "surrogateescape"
        )


def _jsonable(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    try:
        return msgspec.json.encode(value).decode()
    except TypeError:
        return _quoted(str(value))


def _quoted(text: str) -> str:
    """A JSON string that lets surrogates through, for `surrogateescape` to turn back into bytes."""
    pieces = re.split("([\udc80-\udcff]+)", text)
    return (
        '"'
        + "".join(
            piece if number % 2 else msgspec.json.encode(piece).decode()[1:-1] for number, piece in enumerate(pieces)
        )
        + '"'
    )
