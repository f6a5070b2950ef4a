"""Named points at which tests make a process fail. A no-op unless a setting names the point.

The setting `faultpoint` has the form `name:action` or `name:action:nth`: at the nth pass (1 by default) of that point
the process is killed (`kill`), stopped (`stop`, SIGSTOP) or gets an exception (`raise`).
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from iot_platform.errors import SettingsError


class InjectedFaultError(RuntimeError):
    """Raised by an armed point with the action `raise`."""


@dataclass
class _Armed:
    name: str = ""
    action: str = ""
    passes_left: int = 0


_armed = _Armed()


def arm(specification: str) -> None:
    """Arm one point; an empty specification disarms. Raises SettingsError when it is malformed."""
    if not specification:
        _armed.name = ""
        return
    name, _, rest = specification.partition(":")
    action, _, nth = rest.partition(":")
    if action not in ("kill", "stop", "raise") or not (nth or "1").isdigit():
        raise SettingsError(f"IOT_FAULTPOINT '{specification}' is not name:kill, name:stop or name:raise (:nth).")
    _armed.name, _armed.action, _armed.passes_left = name, action, int(nth or "1")


def faultpoint(name: str) -> None:
    """Fail here if this point is armed and due."""
    if name != _armed.name:
        return
    _armed.passes_left -= 1
    if _armed.passes_left != 0:
        return
    if _armed.action == "raise":
        raise InjectedFaultError(name)
    os.kill(os.getpid(), signal.SIGKILL if _armed.action == "kill" else signal.SIGSTOP)
