"""The simulated fleet: seeded sensors with daily patterns, paced by the clock, troublemakers among them."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import repeat
from typing import Any

from iot_platform.clock import Clock, unix_millis
from iot_platform.contract.catalogue import Catalogue, load_catalogue
from iot_platform.settings import FleetSettings, Settings
from iot_platform.stream.places import fleet_name
from iot_platform.stream.sources.base import Batch, Cursor, Reading
from iot_platform.stream.sources.members import muster
from iot_platform.stream.sources.window import Renderer, Window

LONGEST_LAG_SECONDS = 10.0
"""A fleet that fell further behind lets the missed time go: sensors do not report what nobody was there to take."""
_LONGEST_WAIT_SECONDS = 1.0
_MICROS = 1_000_000


@dataclass(frozen=True)
class _Position:
    """Where the fleet is: `skip` readings into window `window`; its time zero is `anchor_us` after 1970.

    `history`: it has not yet come to what is due now.
    """

    origin: str
    anchor_us: int
    window: int
    skip: int
    history: bool


def fleet_source(settings: Settings, stream: str, clock: Clock, part: int = 0) -> Fleet:
    """The part of the fleet that the settings give to producer `part`, with the sensor types of `stream`."""
    return Fleet(settings.fleet, load_catalogue(settings.stream(stream).catalogue), clock, part=part)


class Fleet:
    """A Source. Ids and values follow from the seed and a random origin that is born with the cursor.

    So ids go on over a restart, never repeat over a reset, and a batch that was lost before it was stored
    is made again with the same ids. Another shape of fleet (rate, sensors, seed) begins a new origin.
    Where several producers share the fleet, each has every so many-th sensor, and an origin of its own.
    A fleet that never ran begins `fleet.history_hours` ago: what it would have sent since then comes as fast as it is
    taken, each reading accepted at the moment it was due.
    """

    can_wait = True

    def __init__(
        self, settings: FleetSettings, catalogue: Catalogue, clock: Clock, *, origin: str | None = None, part: int = 0
    ) -> None:
        self.name = fleet_name(part)
        self.members = muster(catalogue, settings.sensors, settings.rate, settings.seed)[part :: settings.producers]
        self._settings = settings
        self._clock = clock
        self._origin = origin
        self._shape = "/".join(
            map(str, (settings.sensors, settings.rate, settings.seed, settings.null_share, catalogue.fingerprint))
        ) + (f"/{part} of {settings.producers}" if settings.producers > 1 else "")
        if settings.null_sensors != "*":
            self._shape += f"/{settings.null_sensors}"

    def start(self, cursor: Cursor | None) -> None:
        known = cursor if cursor and cursor.get("shape") == self._shape else None
        self._position = _position(known) if known else self._birth(0 if cursor else self._settings.history_hours)
        self._renderer = Renderer(
            self.members, self._position.origin, self._settings.seed,
            self._settings.null_share, self._settings.null_sensors,
        )  # fmt: skip
        self._window: Window | None = None

    def batch(self, limit: int) -> Batch:
        now = self._clock.now()
        now_us = unix_micros(now)
        window = self._current(now_us)
        at, anchor_us = self._position.skip, self._position.anchor_us
        end = min(at + limit, bisect_right(window.due_us, now_us - anchor_us, lo=at))
        if end == at:
            self._position = replace(self._position, history=False)
            wait_seconds = (window.due_us[at] + anchor_us - now_us) / _MICROS
            return Batch((), self._cursor(), wait_seconds=min(max(wait_seconds, 0.0), _LONGEST_WAIT_SECONDS))
        part = slice(at, end)
        accepted_at_ms: Iterable[int] = repeat(unix_millis(now))
        if self._position.history:
            accepted_at_ms = ((due_us + anchor_us) // 1000 for due_us in window.due_us[part])
        readings = list(map(Reading, window.keys[part], window.values[part], accepted_at_ms, window.expectations[part]))
        self._position = replace(self._position, skip=end)
        if end == len(window.values):
            self._next_window()
        return Batch(readings, self._cursor())

    def accepted(self, batch: Batch) -> None:
        pass

    def close(self) -> None:
        pass

    def _birth(self, history_hours: float) -> _Position:
        anchor_us = unix_micros(self._clock.now()) - round(history_hours * 3600 * _MICROS)
        return _Position(self._origin or secrets.token_hex(16), anchor_us, window=0, skip=0, history=history_hours > 0)

    def _current(self, now_us: int) -> Window:
        """The window in hand, or the next that has readings and is not too far behind."""
        while self._window is None:
            at, anchor_us = self._position.skip, self._position.anchor_us
            window = self._renderer.render(self._position.window, anchor_us)
            if at >= len(window.values):
                self._next_window()
                continue
            lag_us = now_us - anchor_us - window.due_us[at]
            if self._position.history or lag_us <= LONGEST_LAG_SECONDS * _MICROS:
                self._window = window
            elif at:
                # A window that was begun cannot be moved: its repeats must equal what was sent already. Its rest is
                # let go, and the next begins now: where it would have begun by the clock may be minutes away.
                self._next_window()
                begins_us = self._position.window * self._renderer.window_us
                self._position = replace(self._position, anchor_us=now_us - begins_us)
            else:
                self._position = replace(self._position, anchor_us=anchor_us + lag_us)
        return self._window

    def _next_window(self) -> None:
        self._window = None
        self._position = replace(self._position, window=self._position.window + 1, skip=0)

    def _cursor(self) -> dict[str, Any]:
        position = self._position
        return {
            "shape": self._shape,
            "origin": position.origin,
            "anchor_us": position.anchor_us,
            "window": position.window,
            "skip": position.skip,
            "history": position.history,
        }


def _position(cursor: Cursor) -> _Position:
    history = cursor.get("history", False)  # cursors of before it was there
    return _Position(cursor["origin"], cursor["anchor_us"], cursor["window"], cursor["skip"], history)


def unix_micros(moment: datetime) -> int:
    return int(moment.timestamp() * _MICROS)
