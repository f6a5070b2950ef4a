"""Named points at which tests make a process fail. A no-op unless a setting names the point.

The setting `faultpoint` lists points to arm, joined by commas, each as

    name[@key]:action[:nth]

At the nth pass of the point (1 by default; `*` is each pass) the process is killed (`kill`), stopped (`stop`, SIGSTOP),
gets an exception (`raise`) or waits (`sleep=SECONDS`). With `@key` only passes with that key count.
"""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import dataclass

from iot_platform.errors import SettingsError


class InjectedFaultError(RuntimeError):
    """Raised by an armed point with the action `raise`."""


@dataclass
class _Armed:
    """`due` is the pass that fails; 0: each."""

    action: str
    seconds: float
    due: int
    passes: int = 0


_FORM = re.compile(
    r"(?P<name>[\w.]+)(?:@(?P<key>[^:,]+))?:(?P<action>kill|stop|raise|sleep=(?P<seconds>\d+(?:\.\d+)?))"
    r"(?::(?P<nth>[1-9]\d*|\*))?"
)
_armed: dict[tuple[str, str], _Armed] = {}


def arm(specification: str) -> None:
    """Arm these points and no others; an empty specification disarms. Raises SettingsError when it is malformed."""
    armed = {}
    for one in specification.split(",") if specification else ():
        found = _FORM.fullmatch(one)
        if found is None:
            raise SettingsError(
                f"IOT_FAULTPOINT '{one}' is not name:kill, name:stop, name:raise or name:sleep=SECONDS (:nth or :*)."
            )
        nth = found["nth"] or "1"
        action = found["action"].partition("=")[0]
        due = 0 if nth == "*" else int(nth)
        armed[(found["name"], found["key"] or "")] = _Armed(action, float(found["seconds"] or 0), due)
    _armed.clear()
    _armed.update(armed)


def faultpoint(name: str, key: str = "") -> None:
    """Fail here if this point is armed, for any key or for this one, and due."""
    if not _armed:
        return
    for point in {(name, ""), (name, key)}:
        if point in _armed:
            _pass(name, _armed[point])


def is_armed(name: str) -> bool:
    """Whether this point is armed at all: ask where passing it for each record would cost something."""
    return any(armed == name for armed, _ in _armed)


def _pass(name: str, point: _Armed) -> None:
    point.passes += 1
    if point.due not in (0, point.passes):
        return
    if point.action == "raise":
        raise InjectedFaultError(name)
    if point.action == "sleep":
        time.sleep(point.seconds)
    else:
        os.kill(os.getpid(), signal.SIGKILL if point.action == "kill" else signal.SIGSTOP)
