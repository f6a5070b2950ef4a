"""Which programs end again and again, by supervisord's own log.

It gives up (BACKOFF, FATAL) only a program that ends within a second of its start. One that takes two seconds to fail
counts as started each time, and would be started for ever without anybody's hearing of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

WINDOW = timedelta(minutes=5)
MOST_EXITS = 2
"""One or two ends in the window may be a person's doing, or the end of something that passes."""

_TAIL_BYTES = 65_536
_TIME = r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} [A-Z]+ "
_EXITED = re.compile(_TIME + r"exited: (?P<name>\S+) \(")  # a program that was asked to stop is `stopped:`
_STARTED = re.compile(_TIME + r"supervisord started with pid ")


def failing(log_path: Path, now: datetime) -> Mapping[str, int]:
    """By program, how often it ended by itself of late, where that is often."""
    try:
        with log_path.open("rb") as log:
            log.seek(max(0, log_path.stat().st_size - _TAIL_BYTES))
            tail = log.read()
    except FileNotFoundError:
        return {}
    return frequent_exits(tail.decode(errors="replace").splitlines(), now)


def frequent_exits(lines: Iterable[str], now: datetime) -> Mapping[str, int]:
    """The same of lines of the log; what was before supervisord's last start is over."""
    exits: Counter[str] = Counter()
    for line in lines:
        if _STARTED.match(line):
            exits.clear()
        elif (found := _EXITED.match(line)) and now - _moment(found["at"]) <= WINDOW:
            exits[found["name"]] += 1
    return {name: count for name, count in exits.items() if count > MOST_EXITS}


def _moment(text: str) -> datetime:
    """supervisord writes local time."""
    return datetime.fromisoformat(text).astimezone()
