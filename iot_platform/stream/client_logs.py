"""What librdkafka logs, at a length a person reads.

While Kafka is away librdkafka logs each failed connection, many a second and as an error; but it tries again by itself,
and what follows from it is said by its caller. So the same text is logged once an interval, as a warning.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_INTERVAL_SECONDS = 30.0
_KEPT_MAX = 1000
_CONNECTION_FACILITIES = frozenset({"FAIL", "ERROR"})


class OncePerInterval(logging.Filter):
    """Lets a text of one client through once an interval, with the number of those held back before."""

    def __init__(self, interval_seconds: float = _INTERVAL_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval_seconds = interval_seconds
        self._now = now
        self._seen: dict[tuple[str, str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """librdkafka's arguments are its facility, the client's name and the text."""
        if not isinstance(record.args, tuple) or len(record.args) != 3:
            return True
        facility, client, text = (str(argument) for argument in record.args)
        if facility in _CONNECTION_FACILITIES and record.levelno == logging.ERROR:
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        key = (facility, client, text.partition(" (after ")[0])
        logged_at, held_back = self._seen.get(key, (float("-inf"), 0))
        if self._now() - logged_at < self._interval_seconds:
            self._seen[key] = (logged_at, held_back + 1)
            return False
        if held_back:
            record.args = (facility, client, f"{text}; {held_back} more of it before")
        if len(self._seen) >= _KEPT_MAX:
            self._seen.clear()
        self._seen[key] = (self._now(), 0)
        return True


def client_logger() -> logging.Logger:
    """The logger to give to Kafka clients."""
    logger = logging.getLogger("iot_platform.kafka")
    if not any(isinstance(each, OncePerInterval) for each in logger.filters):
        logger.addFilter(OncePerInterval())
    return logger
