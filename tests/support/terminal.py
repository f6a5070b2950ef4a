"""A command on a terminal of its own, at whose keyboard a test sits."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.installation import Installation
from tests.support.processes import command

CTRL_C = b"\x03"


class Terminal:
    """The keyboard's end. What the command prints is read, and kept for a failing test to show."""

    def __init__(self, process: subprocess.Popen[bytes], keyboard: int) -> None:
        self._process = process
        self._keyboard = keyboard
        self.printed = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, keys: bytes) -> None:
        os.write(self._keyboard, keys)

    def exit_code(self, timeout_seconds: float) -> int:
        """Wait for the command's end; AssertionError with what it printed when it does not come."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {self.printed.decode(errors='replace')[-3000:]}") from None

    def _read(self) -> None:
        while True:
            try:
                self.printed += os.read(self._keyboard, 65_536)
            except OSError:  # the other end is closed
                return


@contextmanager
def in_a_terminal(installation: Installation, *arguments: str) -> Iterator[Terminal]:
    """One of the platform's commands as the foreground of a terminal; killed by its own id at the end of the block."""
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        env=installation.environment,
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - one call of the kernel, no lock that a thread could hold
    )
    os.close(screen)
    terminal = Terminal(process, keyboard)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
        os.close(keyboard)


def _take_terminal() -> None:
    """Make standard input the terminal that controls this session, so that Ctrl-C becomes a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
