"""One window of the fleet's time, rendered at once: which sensor reports when, and the bytes it sends.

Rendering in windows lets numpy do what would cost microseconds a reading in Python. A window's content follows
from the fleet, the origin and the window's number alone, so a crashed run makes the very same bytes again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec
import numpy as np
import numpy.typing as npt

from iot_platform.stream.sources.base import Expectation
from iot_platform.stream.sources.members import Member
from iot_platform.stream.sources.troubles import Document, Sent, Tick, encode

Ints = npt.NDArray[np.int64]

READINGS_PER_WINDOW = 4096
_REPEAT_AFTER = 25
"""A duplicate comes this many readings after its original: in another batch when the fleet is slow."""
_BATTERY_DAYS = 90.0
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_HYPHENS = [8, 13, 18, 23]
_DIGITS = [column for column in range(36) if column not in _HYPHENS]
_NULLABLE = ("value", "unit", "location", "battery_level", "signal_strength")


@dataclass(frozen=True, slots=True)
class Window:
    """Columns of equal length, in order of `due_us` (microseconds of the fleet's own time)."""

    due_us: list[int]
    keys: list[bytes]
    values: list[bytes]
    expectations: list[Expectation]


@dataclass(frozen=True, slots=True)
class _Draws:
    """All chance of one window, a row a reading."""

    ids: list[bytes]
    noise: npt.NDArray[np.float64]
    nulls: npt.NDArray[np.bool_]


class Renderer:
    """Renders windows of one fleet. `null_share` of the nullable fields of each reading of `null_sensors` is null."""

    def __init__(
        self, members: Sequence[Member], origin: str, seed: int, null_share: float = 0.0, null_sensors: str = "*"
    ) -> None:
        self._members = members
        self._null_share = null_share
        self._leaves_out = np.array([fnmatchcase(one.sensor_id, null_sensors) for one in members], dtype=np.bool_)
        self._key = np.frombuffer(hashlib.blake2b(f"{origin}:{seed}".encode(), digest_size=16).digest(), np.uint64)
        self._interval_us = np.array([member.interval_us for member in members], dtype=np.int64)
        self._phase_us = np.array([member.phase_us for member in members], dtype=np.int64)
        self._keys = [member.sensor_id.encode() for member in members]
        self._templates = [_template(member) for member in members]
        self._troubled = np.array([member.trouble is not None for member in members], dtype=np.bool_)
        readings_per_us = float((1 / self._interval_us).sum())
        # Looking at every sensor costs too: many sensors get larger windows.
        wanted = max(READINGS_PER_WINDOW, len(members) // 8)
        self.window_us = max(1, round(wanted / readings_per_us))

    def render(self, number: int, anchor_us: int) -> Window:
        """Window `number`, whose time zero is `anchor_us` microseconds after 1970."""
        sensor, k, due_us = self._ticks(number * self.window_us)
        moments_us = due_us + anchor_us
        draws = self._draw(number, sensor)
        values, batteries = self._measure(sensor, moments_us, draws.noise)
        stamps = np.datetime_as_string(moments_us.astype("datetime64[us]"), unit="us").astype("S26").tolist()
        signals = np.clip(draws.noise[:, 1] * 3, -12, 12).astype(np.int64).tolist()
        rows = sensor.tolist()
        templates, keys = self._templates, self._keys
        rendered = [
            templates[row] % (message_id, stamp, value, battery, self._members[row].signal_dbm + signal)
            for row, message_id, stamp, value, battery, signal in zip(
                rows, draws.ids, stamps, values.tolist(), batteries.tolist(), signals, strict=True
            )
        ]
        window = Window(due_us.tolist(), [keys[row] for row in rows], rendered, ["valid"] * len(rows))
        odd = np.flatnonzero(self._troubled[sensor] | draws.nulls.any(axis=1)).tolist()
        if not odd:
            return window
        changed = {
            position: self._spoil(
                rows[position], int(k[position]), int(moments_us[position]), rendered[position], draws.nulls[position]
            )
            for position in odd
        }
        return _replace(window, changed)

    def _ticks(self, start_us: int) -> tuple[Ints, Ints, Ints]:
        """Sensor, tick count and time of every report in the window that begins at `start_us`."""
        first = np.maximum(0, -((self._phase_us - start_us) // self._interval_us))
        after = np.maximum(0, -((self._phase_us - start_us - self.window_us) // self._interval_us))
        counts = after - first
        sensor = np.repeat(np.arange(len(counts)), counts)
        nth = np.arange(len(sensor)) - np.repeat(np.cumsum(counts) - counts, counts)
        k = first[sensor] + nth
        due_us = self._phase_us[sensor] + k * self._interval_us[sensor]
        order = np.argsort(due_us, kind="stable")
        return sensor[order], k[order], due_us[order]

    def _draw(self, number: int, sensor: Ints) -> _Draws:
        readings = len(sensor)
        chance = np.random.Generator(np.random.Philox(key=self._key, counter=[0, 0, 0, number]))
        ids = uuids(np.frombuffer(chance.bytes(16 * readings), dtype=np.uint8).reshape(readings, 16))
        noise = chance.standard_normal((readings, 2))
        if self._null_share:
            nulls = chance.random((readings, len(_NULLABLE))) < self._null_share
            return _Draws(ids, noise, nulls & self._leaves_out[sensor][:, np.newaxis])
        return _Draws(ids, noise, np.zeros((readings, 1), dtype=np.bool_))

    def _measure(
        self, sensor: Ints, moments_us: Ints, noise: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Values within the range of each sensor's type, and battery levels."""
        seconds = moments_us / 1e6
        values = np.empty(len(sensor))
        batteries = np.empty(len(sensor))
        grouped = np.argsort(sensor, kind="stable")
        present, starts = np.unique(sensor[grouped], return_index=True)
        for row, mine in zip(present.tolist(), np.split(grouped, starts[1:]), strict=True):
            member = self._members[row]
            curve = member.profile.values(seconds[mine], noise[mine, 0])
            values[mine] = np.clip(curve, member.kind.minimum, member.kind.maximum)
            days = (seconds[mine] / 86_400 + member.battery_age_days) % _BATTERY_DAYS
            batteries[mine] = 100 - 80 * days / _BATTERY_DAYS
        return values, batteries

    def _spoil(self, row: int, k: int, moment_us: int, rendered: bytes, nulls: npt.NDArray[np.bool_]) -> list[Sent]:
        """What is sent in place of a healthy reading."""
        member = self._members[row]
        document: Document = _decode(rendered)
        if self._null_share:
            document.update({name: None for name, is_null in zip(_NULLABLE, nulls.tolist(), strict=True) if is_null})
            if member.trouble is None or document["value"] is None:
                return [(encode(document), "dead" if document["value"] is None else "valid")]
        assert member.trouble is not None
        usual = round(member.profile.base + abs(member.profile.swing) * member.profile.dark, member.decimals)
        return member.trouble(Tick(k, document, moment_us, member.kind, usual))


def _replace(window: Window, changed: dict[int, list[Sent]]) -> Window:
    """The window with `changed` positions sent as given; what is sent twice comes again a little later."""
    result = Window([], [], [], [])
    later: dict[int, list[tuple[bytes, Sent]]] = {}
    last = len(window.values) - 1
    for position, (due, key) in enumerate(zip(window.due_us, window.keys, strict=True)):
        sent = changed.get(position)
        now = [(key, (window.values[position], window.expectations[position]))] if sent is None else []
        if sent:
            now.append((key, sent[0]))
            if sent[1:]:
                later.setdefault(min(position + _REPEAT_AFTER, last), []).extend((key, again) for again in sent[1:])
        for its_key, (value, expectation) in (*now, *later.pop(position, ())):
            result.due_us.append(due)
            result.keys.append(its_key)
            result.values.append(value)
            result.expectations.append(expectation)
    return result


def uuids(raw: npt.NDArray[np.uint8]) -> list[bytes]:
    """UUIDs, version 4, as text from rows of 16 random bytes."""
    marked = raw.copy()
    marked[:, 6] = (marked[:, 6] & 0x0F) | 0x40
    marked[:, 8] = (marked[:, 8] & 0x3F) | 0x80
    text = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
    digits = np.empty((len(raw), 32), dtype=np.uint8)
    digits[:, 0::2] = _HEX[marked >> 4]
    digits[:, 1::2] = _HEX[marked & 0x0F]
    text[:, _DIGITS] = digits
    result: list[bytes] = text.view("S36").ravel().tolist()
    return result


def _template(member: Member) -> bytes:
    """A %-format over message id, time stamp, value, battery and signal."""
    fixed = {"id": member.sensor_id, "kind": member.kind.name, "unit": member.kind.unit, "place": member.location}
    quoted = {name: encode_text(text).replace("%", "%%") for name, text in fixed.items()}
    return (
        '{"message_id":"%b","sensor_id":'
        + quoted["id"]
        + ',"sensor_type":'
        + quoted["kind"]
        + ',"generated_at":"%bZ","value":%.'
        + str(member.decimals)
        + 'f,"unit":'
        + quoted["unit"]
        + ',"location":'
        + quoted["place"]
        + ',"battery_level":%.1f,"signal_strength":%d,"schema_version":1}'
    ).encode()


def encode_text(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _decode(value: bytes) -> Document:
    document: Document = msgspec.json.decode(value)
    return document
