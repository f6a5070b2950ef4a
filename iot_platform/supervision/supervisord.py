"""supervisord as we run it: a full disk costs lines of logs, never the processes.

supervisord 4.3 tells on standard error of a log that cannot be written. Where that is a file on the same full disk, the
error ends its main loop, and with it everything it runs.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, TextIO

from supervisor import loggers

_roll_over = loggers.RotatingFileHandler.doRollover


class ForgivingStream:
    """A text stream whose writes may fail without anybody's noticing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()


def roll_over_if_possible(handler: Any) -> None:
    """A log that cannot be closed, renamed or begun goes on in the file that there is.

    An error here would make supervisord stop reading the program's output, and the program stop in its next write.
    """
    try:
        _roll_over(handler)
    except (OSError, ValueError):  # ValueError: closed by an earlier attempt that failed half-way
        with suppress(OSError):
            handler.stream = open(handler.baseFilename, "ab")  # noqa: PTH123, SIM115 - as it opened it, and closes it


def main() -> None:
    sys.stdout, sys.stderr = ForgivingStream(sys.stdout), ForgivingStream(sys.stderr)
    loggers.RotatingFileHandler.doRollover = roll_over_if_possible
    # Only now: it takes standard output and error as they are when it is imported.
    from supervisor import supervisord  # noqa: PLC0415

    supervisord.main()


if __name__ == "__main__":
    main()
