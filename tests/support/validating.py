"""A validator that runs in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from iot_platform.clock import SystemClock
from iot_platform.lifecycle import Bounds, Limit, Stop
from iot_platform.settings import Settings
from iot_platform.stream.validator import Validator


@contextmanager
def validating(settings: Settings, stream: str, slot: int = 0) -> Iterator[Validator]:
    """Runs until the end of the block; what it raises is raised there."""
    validator, stop, clock = Validator(settings, stream, slot, SystemClock()), Stop(), SystemClock()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            validator.run(stop, Limit(Bounds(), clock), lambda: None)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=run, name=f"validator-{slot}")
    thread.start()
    try:
        yield validator
    finally:
        stop.request()
        thread.join(60)
    assert not thread.is_alive()
    if failures:
        raise failures[0]
