"""Wait, with progress told, until what was sent has been validated and loaded."""

from __future__ import annotations

import time
from collections.abc import Callable

from iot_platform.clock import Clock
from iot_platform.errors import UnavailableError
from iot_platform.settings import Settings
from iot_platform.stream.clients import Clients
from iot_platform.stream.offsets import group_lag

_POLL_SECONDS = 1.0
_STANDSTILL_SECONDS = 60.0
_LONGEST_CYCLE_SECONDS = 120.0
"""Of Dagster, on a machine that has much else to do: nothing is loaded while it builds the tables."""


def wait_until_loaded(settings: Settings, stream: str, clock: Clock, tell: Callable[[str], None]) -> None:
    """Return when the stream's validators and loader have nothing left to do.

    Raises UnavailableError when a minute, and under Dagster two load intervals and a cycle more, brings no progress:
    then a stage does not run.
    """
    clients = Clients(settings)
    standstill_seconds = _STANDSTILL_SECONDS
    if settings.dagster.enabled:
        standstill_seconds += 2 * settings.dagster.load_interval_seconds + _LONGEST_CYCLE_SECONDS
    least, since, told = None, clock.monotonic(), ""
    while True:
        validator, loader = group_lag(clients, stream, clock)
        waiting = validator.messages + loader.messages
        if waiting == 0:
            return
        if least is None or waiting < least:
            least, since = waiting, clock.monotonic()
        if clock.monotonic() - since > standstill_seconds:
            stage = "validator" if validator.messages else "loader"
            command = f"iot-platform validate --stream {stream}" if stage == "validator" else "iot-platform load"
            raise UnavailableError(
                f"The {stage} of stream {stream} stands still; {waiting:,} offsets wait.",
                next_step=f"Start everything with `iot-platform up`, or this stage with `{command} --until-caught-up`.",
            )
        if (now := _sentence(settings, validator.messages, loader.messages)) != told:
            tell(told := now)
        time.sleep(_POLL_SECONDS)


def _sentence(settings: Settings, to_validate: int, to_load: int) -> str:
    """What waits, and for what."""
    if to_validate or not settings.dagster.enabled:
        return f"{to_validate:,} offsets to validate, {to_load:,} to load …"
    each = f"{settings.dagster.load_interval_seconds:g} s"
    return f"All is validated; {to_load:,} offsets wait for the next load, which comes each {each} …"
