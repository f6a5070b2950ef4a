"""Wait, with progress told, until what was sent has been validated and loaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from iot_platform.clock import Clock
from iot_platform.errors import KafkaUnavailableError, UnavailableError
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import group_lag

_POLL_SECONDS = 1.0
_STANDSTILL_SECONDS = 60.0
_LONGEST_CYCLE_SECONDS = 120.0
"""Of Dagster, on a machine that has much else to do: nothing is loaded while it builds the tables."""


@dataclass
class Patience:
    """How long nothing may move, from `since` on: until less waits than ever before, or Kafka answers again."""

    seconds: float
    since: float
    least: int | None = None
    away: bool = False

    def is_over(self, waiting: int | None, now: float) -> bool:
        """After a look that found so many offsets waiting; None: Kafka gave no answer."""
        progress = waiting is not None and (self.least is None or waiting < self.least)
        if progress or (self.away and waiting is not None):
            self.since = now
        if progress:
            self.least = waiting
        self.away = waiting is None
        return now - self.since > self.seconds


def wait_until_loaded(settings: Settings, stream: str, clock: Clock, tell: Callable[[str], None]) -> None:
    """Return when the stream's validators and loader have nothing left to do.

    Raises UnavailableError when a minute, and under Dagster two load intervals and a cycle more, brings no progress:
    then a stage does not run. KafkaUnavailableError when it is Kafka that gives no answer for as long.
    """
    clients = Clients(settings)
    patience, told = Patience(_standstill_seconds(settings), clock.monotonic()), ""
    while True:
        waiting: int | None = None
        trouble: UnavailableError
        try:
            validator, loader = group_lag(clients, stream, clock)
            waiting = validator.messages + loader.messages
            trouble = _standing_still(stream, "validator" if validator.messages else "loader", waiting)
            sentence = _sentence(settings, validator.messages, loader.messages)
        except KafkaUnavailableError as error:
            trouble, sentence = error, f"{error} What was sent is safe; waiting for Kafka …"
        if waiting == 0:
            return
        if sentence != told:
            tell(told := sentence)
        if patience.is_over(waiting, clock.monotonic()):
            raise trouble
        time.sleep(_POLL_SECONDS)


def _standstill_seconds(settings: Settings) -> float:
    if not settings.dagster.enabled:
        return _STANDSTILL_SECONDS
    return _STANDSTILL_SECONDS + 2 * settings.dagster.load_interval_seconds + _LONGEST_CYCLE_SECONDS


def _standing_still(stream: str, stage: str, waiting: int) -> UnavailableError:
    command = f"iot-platform validate --stream {stream}" if stage == "validator" else "iot-platform load"
    return UnavailableError(
        f"The {stage} of stream {stream} stands still; {waiting:,} offsets wait.",
        next_step=f"Start everything with `iot-platform up`, or this stage with `{command} --until-caught-up`.",
    )


def _sentence(settings: Settings, to_validate: int, to_load: int) -> str:
    """What waits, and for what."""
    if to_validate or not settings.dagster.enabled:
        return f"{to_validate:,} offsets to validate, {to_load:,} to load …"
    each = f"{settings.dagster.load_interval_seconds:g} s"
    return f"All is validated; {to_load:,} offsets wait for the next load, which comes each {each} …"
