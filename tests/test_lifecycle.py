"""What processes share: here, that none outlives its parent for long."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from tests.support.waiting import eventually

_CHILD = """
import os, signal, sys
from iot_platform.lifecycle import leave_soon_after_parent
signal.signal(signal.SIGTERM, signal.SIG_IGN)
leave_soon_after_parent(os.getppid(), grace_seconds=0.2)
print(os.getpid(), flush=True)
signal.sigwait({signal.SIGUSR2})  # a call that nothing ends
"""
_PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {_CHILD!r}])
"""


@pytest.fixture
def family() -> tuple[subprocess.Popen[str], int]:
    """A parent, and the process id of its child that waits for ever."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as printed:
        return parent, int(printed.readline())


def test_a_process_that_waits_for_ever_ends_soon_after_its_parent(family: tuple[subprocess.Popen[str], int]) -> None:
    parent, child = family
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait(10)
    eventually(lambda: not psutil.pid_exists(child), 10, "the end of the child")
