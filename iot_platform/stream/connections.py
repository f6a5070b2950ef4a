"""Whether a producer has lost a connection: librdkafka then repeats by itself what was under way.

It tells so nowhere but in its log. The commit returns as if all were well; no error callback is called when the other
side closed the connection (seen with librdkafka 2.16.0). A line of the same text is left out for 30 s after the first.
"""

from __future__ import annotations

import logging

_FAILED = "FAIL"
_WAS_UP = "in state UP"


class ConnectionWatch:
    """The `logger` of a producer, called from inside its `poll` and `flush`; warnings go on to `further`."""

    LOG_LEVEL = 6
    """Of librdkafka: the level of the lines to be seen."""

    def __init__(self, further: logging.Logger) -> None:
        self._further = further
        self.losses = 0
        self.last = ""

    def log(self, level: int, form: str, *parts: str) -> None:
        """One line: `parts` are its facility, the client and the text. A failure to connect at all is no loss."""
        if len(parts) == 3 and parts[0] == _FAILED and _WAS_UP in parts[2]:
            self.losses += 1
            self.last = parts[2]
        if level >= logging.WARNING:
            self._further.log(level, form, *parts)
