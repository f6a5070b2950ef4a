"""Wait for a condition, never for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool], timeout_seconds: float = 30.0, what: str = "the condition") -> None:
    """Return as soon as `condition()` is true; AssertionError naming `what` after `timeout_seconds`."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_seconds:g} s"
        pause.wait(0.05)
