"""What troublemakers do to their readings: each a pure function of the sensor's own tick count.

`k` counts the sensor's ticks from 0; the patterns repeat, so that every trouble shows at any rate.
With each reading goes what it should become under the rules of the default stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from iot_platform.contract.catalogue import SensorType
from iot_platform.stream.sources.base import Expectation

Document = dict[str, Any]
Sent = tuple[bytes, Expectation]

DRIFT_TICKS = 240
SILENCE_TICKS = 144
TALK_TICKS = 24
_AHEAD = timedelta(minutes=30)
_AGE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Tick:
    """The healthy reading that a troublemaker is about to spoil."""

    k: int
    document: Document
    moment_us: int
    kind: SensorType
    usual_value: float


Trouble = Callable[[Tick], list[Sent]]
"""What is really sent for a tick: nothing, one record, or more."""

encode: Callable[[Mapping[str, Any]], bytes] = msgspec.json.encode


def timestamp(moment_us: int) -> str:
    """RFC 3339 in UTC with microseconds."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def stuck(tick: Tick) -> list[Sent]:
    """The same value for ever: valid, and only a person or a report sees it."""
    return [(encode({**tick.document, "value": tick.usual_value}), "valid")]


def drifting(tick: Tick) -> list[Sent]:
    """From its usual value slowly out over the top of its range; then somebody calibrates it."""
    share = (tick.k % DRIFT_TICKS) / DRIFT_TICKS
    top = tick.kind.maximum + 0.25 * (tick.kind.maximum - tick.usual_value)
    value = round(tick.usual_value + share * (top - tick.usual_value), 3)
    return [(encode({**tick.document, "value": value}), "dead" if value > tick.kind.maximum else "valid")]


def null_critical(tick: Tick) -> list[Sent]:
    """Bursts without a value: dead."""
    burst = tick.k % 10 >= 6
    return [(encode({**tick.document, "value": None} if burst else tick.document), "dead" if burst else "valid")]


def null_optional(tick: Tick) -> list[Sent]:
    """Bursts without the fields that a policy fills or leaves: valid, flagged."""
    if tick.k % 10 < 6:
        return [(encode(tick.document), "valid")]
    gaps: Document = {"unit": None, "location": None, "battery_level": None, "signal_strength": None}
    return [(encode({**tick.document, **gaps}), "valid")]


def from_future(tick: Tick) -> list[Sent]:
    """A clock that now and then is half an hour ahead."""
    return _skewed(tick, _AHEAD)


def too_old(tick: Tick) -> list[Sent]:
    """A clock that now and then is two days behind."""
    return _skewed(tick, -_AGE)


def _skewed(tick: Tick, by: timedelta) -> list[Sent]:
    if tick.k % 5 < 3:
        return [(encode(tick.document), "valid")]
    moment = timestamp(tick.moment_us + by // timedelta(microseconds=1))
    return [(encode({**tick.document, "generated_at": moment}), "dead")]


def duplicating(tick: Tick) -> list[Sent]:
    """Each third message a second time, byte for byte."""
    value = encode(tick.document)
    return [(value, "valid"), (value, "repeat")] if tick.k % 3 == 0 else [(value, "valid")]


def silent(tick: Tick) -> list[Sent]:
    """Talks for a while, then says nothing for five times as long."""
    return [(encode(tick.document), "valid")] if tick.k % SILENCE_TICKS < TALK_TICKS else []


def malformed(tick: Tick) -> list[Sent]:
    """Broken JSON, bytes that are not UTF-8, wrong types, something that is no object."""
    value = encode(tick.document)
    match tick.k % 10:
        case 1:
            return [(value[:-9], "dead")]
        case 3:
            return [(value.replace(b"site-", b"site\xff\xfe"), "dead")]
        case 5:
            return [(encode({**tick.document, "value": str(tick.usual_value), "schema_version": 1.5}), "dead")]
        case 7:
            return [(b"[" + value + b"]", "dead")]
        case _:
            return [(value, "valid")]


def wrong_unit(tick: Tick) -> list[Sent]:
    """Reports in a unit that its type does not have, in bursts, as after an update of its firmware."""
    if tick.k % 10 < 6:
        return [(encode(tick.document), "valid")]
    return [(encode({**tick.document, "unit": "degF"}), "dead")]


TROUBLES: tuple[tuple[str, Trouble], ...] = (
    ("stuck", stuck),
    ("drift", drifting),
    ("null-value", null_critical),
    ("null-optional", null_optional),
    ("clock-ahead", from_future),
    ("clock-behind", too_old),
    ("duplicate", duplicating),
    ("silent", silent),
    ("malformed", malformed),
    ("unit", wrong_unit),
)
"""Troubles by name; a sensor's id is `trouble-<name>-<number>`."""
