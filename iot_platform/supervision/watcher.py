"""Who watches the watcher: alerts evaluated by a process of the supervisor, without Dagster.

    sensor `watch` evaluates in time   this one tells of Dagster's own processes alone
    it does not, or there is no Dagster this one evaluates all that can be seen from outside

Both keep to one book under one lease, so they never evaluate at once. What either cannot see it calls unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from iot_platform.clock import Clock
from iot_platform.errors import AlreadyRunningError, PlatformError
from iot_platform.kafka_settings import HOST
from iot_platform.lifecycle import Heartbeat, Stop
from iot_platform.pipeline.alerting import Evaluation, evaluate
from iot_platform.pipeline.firing import SENSOR, WATCHER, evaluated_at
from iot_platform.settings import Settings
from iot_platform.supervision.dagster_home import DagsterProcess
from iot_platform.supervision.exits import failing
from iot_platform.supervision.heartbeat_out import Ping, ping
from iot_platform.supervision.observing import look
from iot_platform.supervision.own_processes import (
    Seen,
    answers,
    is_starting,
    late_seconds,
    loader_signals,
    own_signals,
)
from iot_platform.supervision.recent_checks import recent_verdicts
from iot_platform.supervision.supervisor import Supervisor
from iot_platform.watch.alerts import signals as names
from iot_platform.watch.alerts.signals import KINDS, Signal

log = logging.getLogger(__name__)

_PING_SECONDS = 60.0
_EVALUATIONS_MISSED = 3
_TURNS_WAITED = 45
_BEAT_SECONDS = 1.0
_SENSORS_ALONE = frozenset({"check", f"platform/{names.ASSETS_STALE}"})


@dataclass
class Watcher:
    """Looks every `dagster.watch_interval_seconds`, gives a sign of life each second."""

    settings: Settings
    clock: Clock
    heartbeat: Heartbeat
    _pinged: Ping | None = None
    _next_ping: float = float("-inf")
    _facts: dict[str, object] = field(default_factory=dict)

    def run(self, stop: Stop) -> None:
        """Until stopped. What fails once is logged and tried again: nobody else watches."""
        while not stop.requested:
            try:
                self.once(stop)
            except (PlatformError, OSError) as error:  # OSError: of a disk that is full, for one
                log.warning("not evaluated: %s", error)
                self._facts = {**self._facts, "problem": str(error)}
            self._rest(stop, self.settings.dagster.watch_interval_seconds)

    def once(self, stop: Stop | None = None) -> Evaluation:
        """One look and one evaluation; then the ping, where it is due."""
        seen = self._seen()
        signals, unknown = self._observe(seen)
        evaluation = self._evaluate([*signals, *self._ping_signals()], unknown, stop or Stop())
        if self._all_watched(seen):
            self._ping_when_due()
        self._facts = {"firing": len(evaluation.firing), "ping": self._ping_fact()}
        return evaluation

    def _seen(self) -> Seen:
        supervisor, now = Supervisor(self.settings), self.clock.now()
        dagster = self.settings.dagster
        ports = {DagsterProcess.CODE_SERVER: dagster.code_server_port, DagsterProcess.WEBSERVER: dagster.ui_port}
        silent = {process.value for process, port in ports.items() if dagster.enabled and not answers(HOST, port)}
        return Seen(
            states=supervisor.states(),
            silent=frozenset(silent),
            exits=failing(supervisor.log_path, now),
            evaluated_at=evaluated_at(self.settings, SENSOR),
            patience_seconds=_EVALUATIONS_MISSED * dagster.watch_interval_seconds,
        )

    def _observe(self, seen: Seen) -> tuple[list[Signal], Collection[str]]:
        now = self.clock.now()
        if not self.settings.dagster.enabled:
            found = look(self.settings, self.clock, lambda slot: seen.exits.get(slot.name, 0))
            verdicts, unjudged = recent_verdicts(self.settings, now)
            loader = loader_signals(seen.states, now)
            return [*found.signals, *loader, *verdicts], {*found.unknown, *unjudged, f"platform/{names.ASSETS_STALE}"}
        own = own_signals(seen, now)
        if self._sensor_works(seen) or is_starting(seen.states):
            return own, KINDS
        found = look(self.settings, self.clock, lambda _: 0)
        return [*own, *found.signals], {*found.unknown, *_SENSORS_ALONE}

    def _sensor_works(self, seen: Seen) -> bool:
        return seen.evaluated_at is not None and late_seconds(seen, self.clock.now()) is None

    def _all_watched(self, seen: Seen) -> bool:
        return not self.settings.dagster.enabled or self._sensor_works(seen)

    def _evaluate(self, signals: Iterable[Signal], unknown: Collection[str], stop: Stop) -> Evaluation:
        """Wait for the other one's turn to end; it takes some seconds where a channel hangs."""
        given = list(signals)
        for _ in range(_TURNS_WAITED):
            try:
                return evaluate(self.settings, self.clock, given, unknown, by=WATCHER)
            except AlreadyRunningError:
                if stop.wait(_BEAT_SECONDS):
                    break
                self.heartbeat.beat(self._facts)
        return evaluate(self.settings, self.clock, given, unknown, by=WATCHER)

    def _ping_when_due(self) -> None:
        url, at = self.settings.alerts.heartbeat_url, self.clock.monotonic()
        if not url.get_secret_value() or at < self._next_ping:
            return
        self._next_ping = at + _PING_SECONDS
        self._pinged = ping(url)
        if not self._pinged.sent:
            log.warning("the heartbeat did not get out: %s", self._pinged.why)

    def _ping_signals(self) -> list[Signal]:
        if self._pinged is None:
            return []
        text = f"The address in alerts.heartbeat_url did not take it: {self._pinged.why}."
        level: names.Level = "ok" if self._pinged.sent else "warn"
        return [Signal("platform", names.HEARTBEAT_FAILING, "heartbeat", level, text, self.clock.now())]

    def _ping_fact(self) -> str:
        if not self.settings.alerts.heartbeat_url.get_secret_value():
            return "off"
        return "not yet" if self._pinged is None else self._pinged.why or "sent"

    def _rest(self, stop: Stop, seconds: float) -> None:
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0 and not stop.wait(min(_BEAT_SECONDS, left)):
            self.heartbeat.beat(self._facts)
