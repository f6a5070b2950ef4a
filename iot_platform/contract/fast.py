"""The fast way for the many: accepts a record only when no rule could refuse or repair it.

What it does not accept is not dead: the exact way judges it. So this file may be too strict, never too lax;
`tests/contract/test_fast_is_sound.py` holds it to that. Every check works on a batch at once or in C.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal, Union

import msgspec
import numpy as np

from iot_platform.contract.catalogue import Catalogue, SensorType
from iot_platform.contract.laps import Lap, no_lap
from iot_platform.contract.reading import FIELDS, NEWEST_VERSION, Freshness

_HEX_TO_ZERO = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_DIGIT_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_UUID_TEMPLATE = b"00000000-0000-0000-0000-000000000000"
_SECONDS_TEMPLATE = b"0000-00-00T00:00:00"
_TIME_TEMPLATES = frozenset(
    [_SECONDS_TEMPLATE + b"Z", *(_SECONDS_TEMPLATE + b"." + b"0" * digits + b"Z" for digits in range(1, 7))]
)
_SENSOR_ID_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"
_LONGEST_SENSOR_ID = 128
_SECONDS_LENGTH = len(_SECONDS_TEMPLATE)
_HOUR = slice(11, 13)
_MOST_REMEMBERED_SECONDS = 100_000

# A record with every required field holds 7 keys and 5 strings; without escapes each takes two quotes.
_REQUIRED_QUOTES = 2 * (7 + 5)

_strings = operator.attrgetter("message_id", "sensor_id", "generated_at")


def _reading_struct(kind: SensorType, nulls: Mapping[str, str], *, alone: bool) -> type[msgspec.Struct]:
    """`alone`: the only type of the catalogue. msgspec demands a tag where it tells several structs apart; one struct
    it decodes without, so there `sensor_type` must be a field.
    """

    def optional(annotation: Any, name: str) -> tuple[str, Any, Any]:
        if nulls[name] == "dead":  # then null needs the exact way
            return (name, annotation | msgspec.UnsetType, msgspec.UNSET)
        return (name, annotation | None | msgspec.UnsetType, msgspec.UNSET)

    def bounded(name: str) -> Any:
        field = FIELDS[name]
        return Annotated[float, msgspec.Meta(ge=field.minimum, le=field.maximum)]

    return msgspec.defstruct(
        f"Reading_{kind.name}",
        [
            ("message_id", str),
            ("sensor_id", str),
            ("generated_at", str),
            ("value", Annotated[float, msgspec.Meta(ge=kind.minimum, le=kind.maximum)]),
            ("unit", Literal[kind.unit]),
            ("schema_version", Literal[tuple(range(1, NEWEST_VERSION + 1))]),
            *([("sensor_type", Literal[kind.name])] if alone else []),
            optional(Annotated[str, msgspec.Meta(min_length=1, max_length=FIELDS["location"].longest)], "location"),
            optional(bounded("battery_level"), "battery_level"),
            optional(bounded("signal_strength"), "signal_strength"),
        ],
        tag_field=None if alone else "sensor_type",
        tag=None if alone else kind.name,
        forbid_unknown_fields=True,
        gc=False,
    )


class FastPath:
    """Accepts clean records of one stream."""

    def __init__(self, catalogue: Catalogue, freshness: Freshness) -> None:
        alone = len(catalogue.types) == 1
        structs = tuple(_reading_struct(kind, catalogue.nulls, alone=alone) for kind in catalogue.types.values())
        self._decode = msgspec.json.Decoder(Union[structs]).decode  # noqa: UP007 - the members are known at run time only
        self._complete = not any(
            catalogue.nulls[name] == "dead" for name in ("location", "battery_level", "signal_strength")
        )
        self._max_age_seconds = freshness.max_age_seconds
        self._max_ahead_seconds = freshness.max_ahead_seconds
        self._epoch_seconds: dict[str, float] = {}

    def accept(
        self,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        accepted_at_ms: Sequence[int],
        max_bytes: int,
        lap: Lap = no_lap,
    ) -> list[str | None]:
        """The message_id of each record that is surely clean; None where the exact way must judge."""
        accepted: list[str | None] = [None] * len(values)
        readings, places = self._decode_each(values, max_bytes)
        lap("decode")
        if not readings:
            return accepted
        message_ids, sensor_ids, times = zip(*map(_strings, readings), strict=True)
        clean = (
            _are_uuids(message_ids)
            & _match_keys(sensor_ids, [keys[place] for place in places])
            & self._are_fresh(times, [accepted_at_ms[place] for place in places])
        )
        if clean.all():
            for place, message_id in zip(places, message_ids, strict=True):
                accepted[place] = message_id
        else:
            for place, message_id, good in zip(places, message_ids, clean.tolist(), strict=True):
                if good:
                    accepted[place] = message_id
        return accepted

    def _decode_each(self, values: Sequence[bytes | None], max_bytes: int) -> tuple[list[Any], list[int]]:
        """The readings that decode without doubt, and their places in `values`."""
        readings: list[Any] = []
        places: list[int] = []
        decode, complete = self._decode, self._complete
        for place, value in enumerate(values):
            # A backslash may hide a key's second spelling, and quotes could not be counted.
            if value is None or b"\\" in value or len(value) > max_bytes:
                continue
            try:
                reading = decode(value)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if value.count(b'"') == _quotes(reading) and (complete or _has_all(reading)):
                readings.append(reading)
                places.append(place)
        return readings, places

    def _are_fresh(self, times: Sequence[str], accepted_at_ms: Sequence[int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        layout = _all_or_each(times, _DIGIT_TO_ZERO, _TIME_TEMPLATES)
        if not layout.all():
            times = [text if good else "" for text, good in zip(times, layout.tolist(), strict=True)]
        generated = np.array(list(map(self._seconds, times)))
        fresh: np.ndarray[Any, np.dtype[np.bool_]] = layout & ~np.isnan(generated)
        accepted = np.array(accepted_at_ms) / 1000
        # A whole second of margin on either side: the fraction is not looked at here.
        if self._max_age_seconds is not None:
            fresh &= generated - 1 > accepted - self._max_age_seconds
        if self._max_ahead_seconds is not None:
            fresh &= generated + 1 < accepted + self._max_ahead_seconds
        return fresh

    def _seconds(self, text: str) -> float:
        """Seconds since 1970 of the whole second in `text`; NaN where the calendar has no such moment."""
        second = text[:_SECONDS_LENGTH]
        known = self._epoch_seconds.get(second)
        if known is not None:
            return known
        if len(self._epoch_seconds) >= _MOST_REMEMBERED_SECONDS:
            self._epoch_seconds.clear()
        seconds = float("nan")
        if second[_HOUR] < "24":  # which some versions of Python take for the next midnight
            with suppress(ValueError):
                seconds = datetime.fromisoformat(second + "+00:00").timestamp()
        self._epoch_seconds[second] = seconds
        return seconds


def _quotes(reading: Any) -> int:
    """How many quotes the record holds when each of its keys stands once."""
    quotes = _REQUIRED_QUOTES
    location = reading.location
    if location is not msgspec.UNSET:
        quotes += 2 if location is None else 4
    if reading.battery_level is not msgspec.UNSET:
        quotes += 2
    if reading.signal_strength is not msgspec.UNSET:
        quotes += 2
    return quotes


def _has_all(reading: Any) -> bool:
    """For catalogues in which null is dead for an optional field: leave absent ones to the exact way."""
    return not (
        reading.location is msgspec.UNSET
        or reading.battery_level is msgspec.UNSET
        or reading.signal_strength is msgspec.UNSET
    )


def _all_or_each(
    texts: Sequence[str], table: bytes, templates: frozenset[bytes]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which texts have one of the `templates` after translation by `table`; one look at all when all do."""
    joined = "\n".join(texts).encode("utf-8", "replace").translate(table)
    shapes = joined.split(b"\n")
    if len(shapes) == len(texts) and templates.issuperset(set(shapes)):
        return np.ones(len(texts), dtype=np.bool_)
    each = (text.encode("utf-8", "replace").translate(table) in templates for text in texts)
    return np.fromiter(each, dtype=np.bool_, count=len(texts))


def _are_uuids(message_ids: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return _all_or_each(message_ids, _HEX_TO_ZERO, frozenset([_UUID_TEMPLATE]))


def _match_keys(sensor_ids: Sequence[str], keys: Sequence[bytes | None]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    joined = "\n".join(sensor_ids).encode("utf-8", "replace")
    rest = joined.translate(None, _SENSOR_ID_CHARACTERS)
    if len(rest) == len(sensor_ids) - 1:  # the separators alone are left
        ids = joined.split(b"\n")
        if ids == list(keys) and min(map(len, ids)) > 0 and max(map(len, ids)) <= _LONGEST_SENSOR_ID:
            return np.ones(len(ids), dtype=np.bool_)
    each = (_matches(sensor_id, key) for sensor_id, key in zip(sensor_ids, keys, strict=True))
    return np.fromiter(each, dtype=np.bool_, count=len(sensor_ids))


def _matches(sensor_id: str, key: bytes | None) -> bool:
    encoded = sensor_id.encode("utf-8", "replace")
    allowed = not encoded.translate(None, _SENSOR_ID_CHARACTERS)
    return allowed and 0 < len(encoded) <= _LONGEST_SENSOR_ID and encoded == key
