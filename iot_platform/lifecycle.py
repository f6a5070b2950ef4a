"""What every long-running process shares: when to stop, how much to do, one of each, and a sign of life."""

from __future__ import annotations

import ctypes
import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

from iot_platform.clock import Clock
from iot_platform.errors import AlreadyRunningError

log = logging.getLogger(__name__)

_ORPHANS_GRACE_SECONDS = 15.0
_ORPHANS_EXIT_CODE = 70
_PARENT_POLL_SECONDS = 0.5
_LEASE_POLL_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1  # Linux: the signal this process gets when its parent dies


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Get this signal when our parent dies, also after an exec; where the system has no such thing, nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


def leave_soon_after_parent(parent_pid: int, grace_seconds: float = _ORPHANS_GRACE_SECONDS) -> None:
    """End this process, whatever it waits for, `grace_seconds` after its parent is gone.

    Asked to stop, a process ends by itself within seconds. But the Kafka of our own goes with its supervisor, and calls
    that wait for it do so one after another. To end like this is a crash, and a crash loses nothing.
    """

    def watch() -> None:
        pause = threading.Event()
        while os.getppid() == parent_pid:
            pause.wait(_PARENT_POLL_SECONDS)
        pause.wait(grace_seconds)
        os._exit(_ORPHANS_EXIT_CODE)

    threading.Thread(target=watch, name="orphan", daemon=True).start()


class Stop:
    """A request to stop, set by a signal, by the loss of the parent, or by the program itself."""

    def __init__(self, *, parent_pid: int | None = None) -> None:
        self._event = threading.Event()
        self._parent_pid = parent_pid

    @property
    def orphaned(self) -> bool:
        """Whether the parent that we were given is gone."""
        return self._parent_pid is not None and os.getppid() != self._parent_pid

    @property
    def requested(self) -> bool:
        if self.orphaned:
            self._event.set()
        return self._event.is_set()

    def request(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; True as soon as a stop was requested."""
        return self._event.wait(seconds) or self.requested

    def on_signals(self) -> Stop:
        """SIGTERM and SIGINT request a stop; a second SIGINT interrupts at once."""

        def handle(signum: int, _frame: FrameType | None) -> None:
            if self._event.is_set() and signum == signal.SIGINT:
                raise KeyboardInterrupt
            self._event.set()

        signal.signal(signal.SIGTERM, handle)
        signal.signal(signal.SIGINT, handle)
        return self


@dataclass(frozen=True)
class Bounds:
    """How far a foreground run goes; all None and False: until stopped."""

    count: int | None = None
    seconds: float | None = None
    until_caught_up: bool = False


class Limit:
    """Keeps a run within its bounds."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        self._bounds = bounds
        self._clock = clock
        self._deadline = None if bounds.seconds is None else clock.monotonic() + bounds.seconds
        self.done = 0

    def add(self, records: int) -> None:
        self.done += records

    @property
    def is_by_work(self) -> bool:
        """Whether the run ends by what it does, not by time alone: then it must not wait for others."""
        return self._bounds.until_caught_up or self._bounds.count is not None

    @property
    def until_caught_up(self) -> bool:
        return self._bounds.until_caught_up

    @property
    def remaining(self) -> int | None:
        """Records that may still be taken; None when unbounded."""
        return None if self._bounds.count is None else max(0, self._bounds.count - self.done)

    @property
    def reached(self) -> bool:
        if self._bounds.count is not None and self.done >= self._bounds.count:
            return True
        return self._deadline is not None and self._clock.monotonic() >= self._deadline


@contextmanager
def lease(path: Path, what: str) -> Iterator[None]:
    """Hold `path` locked for the life of the block: one holder on this machine, freed by its death.

    Raises AlreadyRunningError, naming the holder's process id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise AlreadyRunningError(
                f"{what} already runs here, as process {holder}.",
                next_step="Stop that one first (`iot-platform status` shows what runs), or use another IOT_STATE_DIR.",
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def is_held(path: Path) -> bool:
    """Whether a living process holds the lease; found out without taking it for longer than a moment."""
    try:
        with path.open("a+") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def waited_lease(path: Path, go_on: Callable[[], bool]) -> Iterator[bool]:
    """Hold `path` locked for the block, after its holder if there is one; False when `go_on` ended the wait.

    `go_on` is asked at least once before the first wait, so a constant False tries just once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        taken = _taken(handle, fcntl.LOCK_EX)
        while not taken and go_on():
            time.sleep(_LEASE_POLL_SECONDS)
            taken = _taken(handle, fcntl.LOCK_EX)
        yield taken


def _taken(handle: IO[str], how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_atomically(path: Path, text: str) -> None:
    """Readers see the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_if_possible(path: Path, text: str) -> OSError | None:
    """As `write_atomically`, for what only tells of the work: a full disk must not end the work itself."""
    try:
        write_atomically(path, text)
    except OSError as error:
        return error
    return None


class Heartbeat:
    """A sign of life for `status`: one small JSON file a process, rewritten at most once per `every_seconds`.

    With the facts it tells what the process has used: `cpu_seconds` since its start, and `memory_bytes` now.

    One that cannot be written is logged once, and shows in `status` by its age.
    """

    def __init__(self, path: Path, clock: Clock, every_seconds: float = 1.0) -> None:
        self._path = path
        self._clock = clock
        self._every_seconds = every_seconds
        self._next = float("-inf")
        self._failing = False
        self._sign: tuple[Mapping[str, Any], float] = ({}, clock.monotonic())
        self._announced: dict[str, Any] = {}

    @property
    def is_due(self) -> bool:
        """Whether `beat` would write: ask first where the facts cost something."""
        return self._clock.monotonic() >= self._next

    def beat(self, facts: Mapping[str, Any], *, now: bool = False) -> None:
        self._sign = (facts, self._clock.monotonic())
        if not now and not self.is_due:
            return
        self._next = self._clock.monotonic() + self._every_seconds
        self._write(facts)

    def announce(self, **announced: Any) -> None:
        """Write what stays in every sign of life from now on, also before the first."""
        self._announced = announced
        self._write({})

    def last_sign(self) -> tuple[Mapping[str, Any], float]:
        """The last facts, empty before the first, and their age in seconds. May be asked by any thread."""
        facts, at = self._sign
        return facts, self._clock.monotonic() - at

    def _write(self, facts: Mapping[str, Any]) -> None:
        used = {"cpu_seconds": round(time.process_time(), 3), "memory_bytes": psutil.Process().memory_info().rss}
        document = {"pid": os.getpid(), "at": self._clock.now().isoformat(), **used, **self._announced, **facts}
        error = write_if_possible(self._path, json.dumps(document))
        if error is not None and not self._failing:
            log.warning("no sign of life can be written: %s", error)
        self._failing = error is not None
